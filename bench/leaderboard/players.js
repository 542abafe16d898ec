// Players of one sample on one clock: the first playing video leads, the others follow within a frame.
const players = new Map();

function openPlayer(number, index = null, jump = false) {
  const holder = document.querySelector(`.player[data-suite="${number}"]`);
  if (!holder) return;
  for (const [other, player] of players) if (other !== number) player.pause();
  if (!players.has(number)) players.set(number, new Player(number, holder));
  if (index !== null) players.get(number).open(index);
  if (jump) holder.scrollIntoView({block: "center"});
}

class Player {
  constructor(number, holder) {
    this.number = number;
    this.suite = data.suites[number];
    this.index = 0;
    this.videos = [];
    this.playing = false;
    this.sample = make("select", {"aria-label": "Sample", onchange: event => this.open(Number(event.target.value))});
    this.metric = make("select", {"aria-label": "Metric", onchange: () => { this.list(); this.captions(); }},
      ...Object.keys(this.suite.values).map(id => make("option", {value: id}, id)));
    this.order = make("select", {"aria-label": "Order", onchange: () => this.list()},
      make("option", {value: "name"}, "by name"), make("option", {value: "spread"}, "methods differ most first"));
    this.grid = make("div", {class: "players"});
    this.button = make("button", {class: "play", onclick: () => this.toggle()}, "Play");
    this.seek = make("input", {type: "range", min: 0, max: 1, step: 0.001, value: 0, "aria-label": "Time", oninput: event => this.jump(Number(event.target.value))});
    this.clock = make("output", {}, "0.00 s");
    this.speed = make("select", {"aria-label": "Speed", onchange: event => { for (const v of this.videos) v.playbackRate = Number(event.target.value); }},
      ...[["1", "1×"], ["0.5", "½×"], ["0.25", "¼×"], ["2", "2×"]].map(([value, text]) => make("option", {value}, text)));
    this.sound = make("select", {"aria-label": "Sound", onchange: event => this.hear(event.target.value)});
    holder.replaceChildren(
      make("div", {class: "row"}, this.step(-1, "‹"), this.sample, this.step(1, "›"), this.order,
        make("label", {class: "soft small"}, "shown below each: ", this.metric)),
      make("div", {class: "controls"}, this.button, make("button", {onclick: () => this.frame(-1), title: "One frame back"}, "−1"),
        make("button", {onclick: () => this.frame(1), title: "One frame on"}, "+1"), this.seek, this.clock, this.speed, this.sound),
      this.grid);
    holder.tabIndex = 0;
    holder.onkeydown = event => {
      if (["SELECT", "INPUT", "BUTTON"].includes(event.target.tagName)) return;
      if (event.key === " ") this.toggle();
      else if (event.key === "ArrowLeft") this.frame(-1);
      else if (event.key === "ArrowRight") this.frame(1);
      else return;
      event.preventDefault();
    };
    this.list();
    this.open(0);
  }

  step(by, text) {
    const button = make("button", {class: "step", title: by < 0 ? "Previous sample" : "Next sample", onclick: () => {
      const place = this.ordered.indexOf(this.index), n = this.ordered.length;
      this.open(this.ordered[(place + by + n) % n]);
    }}, text);
    return make("span", {class: "controls", style: "margin:0"}, button);
  }

  list() {
    const spread = i => {
      const known = Object.values(this.suite.values[this.metric.value] || {}).map(some => some[i]).filter(x => x !== null);
      return known.length > 1 ? Math.max(...known) - Math.min(...known) : -1;
    };
    this.ordered = this.suite.samples.map((_, i) => i);
    if (this.order.value === "spread") this.ordered.sort((a, b) => spread(b) - spread(a));
    this.sample.replaceChildren(...this.ordered.map(i => {
      const {id, kind} = this.suite.samples[i];
      return make("option", {value: i, selected: i === this.index}, kind && !id.startsWith(kind) ? `${id} (${kind})` : id);
    }));
  }

  open(index) {
    this.pause();
    for (const video of this.videos) { video.removeAttribute("src"); video.load(); } // lets go of decoders
    this.index = index;
    this.sample.value = String(index);
    const media = this.suite.samples[index].media, cards = [];
    this.videos = [];
    const shared = [["source", "source"], ["driving", "driving"], ["truth", "ground truth"]];
    for (const [name, text] of shared) if (media[name]) cards.push(this.card(media[name], text, null));
    for (const {label, colour} of this.suite.methods) {
      const address = media[`method:${label}`];
      if (address) cards.push(this.card(address, label, colour));
    }
    this.grid.replaceChildren(...cards);
    if (!cards.length) this.grid.replaceChildren(make("p", {class: "soft"}, "The videos of this sample are not beside this page."));
    this.captions();
    this.sound.replaceChildren(make("option", {value: ""}, "no sound"), ...this.videos.map((video, i) => make("option", {value: i}, `sound: ${video.title}`)));
    this.hear("");
    this.tick();
  }

  card(address, text, colour) {
    const picture = /\.(png|jpe?g|webp)$/.test(address);
    const node = picture ? make("img", {src: address, alt: text, loading: "lazy"})
      : make("video", {src: address, preload: "metadata", playsinline: true, title: text});
    if (!picture) {
      node.muted = true;
      node.playbackRate = Number(this.speed.value);
      node.addEventListener("loadedmetadata", () => this.tick());
      node.addEventListener("ended", () => { if (this.playing && this.leader() === node) { this.jump(0); this.start(); } });
      this.videos.push(node);
    }
    const caption = make("figcaption", {}, colour === null ? null : key(colour), make("span", {title: text}, text));
    if (colour !== null) caption.append(make("span", {class: "value", "data-method": text}));
    return make("figure", {class: colour === null ? "shared" : ""}, node, caption);
  }

  captions() {
    const table = this.suite.values[this.metric.value] || {};
    for (const node of all(".value", this.grid)) {
      const some = table[node.dataset.method];
      node.textContent = some ? short(some[this.index]) : "";
    }
  }

  leader() {
    return this.videos.reduce((best, video) => (!best || (video.duration || 0) > (best.duration || 0) ? video : best), null);
  }

  toggle() { if (this.playing) this.pause(); else { this.playing = true; this.start(); } }

  async start() {
    this.button.textContent = "Pause";
    const leader = this.leader();
    if (!leader) { this.pause(); return; }
    if (leader.ended || leader.currentTime >= leader.duration - 0.01) this.jump(0);
    await Promise.allSettled(this.videos.map(video => video.play()));
    this.follow();
  }

  follow() {
    if (!this.playing) return;
    const leader = this.leader();
    for (const video of this.videos) {
      if (video === leader || !video.duration) continue;
      const wanted = Math.min(leader.currentTime, video.duration);
      if (Math.abs(video.currentTime - wanted) > 0.04) video.currentTime = wanted;
      if (video.paused && wanted < video.duration - 0.05) video.play().catch(() => {});
    }
    this.tick();
    requestAnimationFrame(() => this.follow());
  }

  pause() {
    this.playing = false;
    this.button.textContent = "Play";
    for (const video of this.videos) video.pause();
  }

  jump(share) {
    const leader = this.leader();
    if (!leader || !leader.duration) return;
    for (const video of this.videos) video.currentTime = Math.min(share * leader.duration, video.duration || 0);
    this.tick();
  }

  frame(by) {
    this.pause();
    const leader = this.leader();
    if (leader && leader.duration) this.jump(Math.min(1, Math.max(0, (leader.currentTime + by / this.suite.rate) / leader.duration)));
  }

  hear(which) {
    this.videos.forEach((video, i) => { video.muted = String(i) !== String(which); });
  }

  tick() {
    const leader = this.leader(), [time, total] = [leader?.currentTime || 0, leader?.duration || 0];
    this.seek.value = total ? time / total : 0;
    this.clock.textContent = `${time.toFixed(2)} / ${total.toFixed(2)} s`;
  }
}
