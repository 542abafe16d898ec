"""Profiles: the columns of the published tables in their order, each with the metric that computes it here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vfa.errors import InputError


@dataclass(frozen=True)
class Column:
    """A column of a published table.

    Attributes:
        label: as the table prints it.
        metric: id of the metric that computes it; empty where nothing here does, for a `reason`.
        stand_in: id of the metric without weights that is shown beside it, marked, where its weights are missing.
        reason: why nothing here computes it.
        percent: whether the table prints it in per cent.
    """

    label: str
    metric: str
    stand_in: str = ""
    reason: str = ""
    percent: bool = False


@dataclass(frozen=True)
class Profile:
    """A table: `aggregation` (`pooled` over all frames, or `video_mean`) is that of its authors; with `closeness` it
    also shows how close each number comes to the ground truth's, and the mean of that."""

    name: str
    title: str
    aggregation: str
    columns: tuple[Column, ...]
    closeness: bool = False

    def metrics(self) -> list[str]:
        """Ids of its metrics in the order of the columns; a stand-in follows each whose weights are missing."""
        from bench.metrics.registry import metric_class
        from bench.weights import find

        names: list[str] = []
        for column in self.columns:
            if column.metric:
                names.append(column.metric)
                weights = metric_class(column.metric).weights
                if column.stand_in and any(find(key) is None for key in weights):
                    names.append(column.stand_in)
        return list(dict.fromkeys(names))

    def weights(self) -> list[str]:
        """Keys of the weight files it needs, without repetition."""
        from bench.metrics.registry import metric_class

        keys = [key for column in self.columns if column.metric for key in metric_class(column.metric).weights]
        return list(dict.fromkeys(keys))


PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            "avatar",
            "avatar benchmark: 12 columns",
            "pooled",
            (
                Column("SC", "vbench_sc", "sc_lite", percent=True),
                Column("BC", "vbench_bc", "bc_lite", percent=True),
                Column("MS", "vbench_ms", "ms_lite", percent=True),
                Column("DD", "vbench_dd", "dd_lite", percent=True),
                Column("AQ", "vbench_aq", percent=True),
                Column("IQ", "vbench_iq", "iq_lite", percent=True),
                Column("FID", "fid_pt", "fd_lite"),
                Column("FVD", "fvd_sv", "fvd_lite"),
                Column("SSIM", "ssim_wang"),
                Column("PSNR", "psnr_rgb"),
                Column("E-FID", "efid_edge", "efid_edge_lite"),
                Column("CSIM", "csim_aligned", "csim_lite"),
            ),
        ),
        Profile(
            "talking-head",
            "TalkingHeadMetrics: pooled over all frames of all videos",
            "pooled",
            (
                Column("FID", "fid_vico", "fd_lite"),
                Column("PSNR", "psnr_vico"),
                Column("SSIM", "ssim_piq"),
                Column("CPBD", "cpbd_compat"),
                Column("LPIPS", "lpips_alex", "lpips_lite"),
                Column("CSIM", "csim_vico", "csim_lite"),
                Column("LMD", "lmd_vico_fan", "lmd_vico"),
                Column("LSE-C", "lse_c", "sync_lite"),
                Column("LSE-D", "lse_d"),
                Column("AVOffset", "av_offset"),
                Column("ESD", "esd"),
                Column("AED", "aed"),
                Column("APD", "apd_3", "apd_lite"),
                Column("AKD", "akd_l1_fan", "akd_l1"),
                Column("AUE-U", "aue_u"),
                Column("AUE-L", "aue_l"),
                Column("V-RMSE", "v_rmse_emonet"),
                Column("A-RMSE", "a_rmse_emonet"),
                Column("V-SAGR", "v_sagr_emonet"),
                Column("A-SAGR", "a_sagr_emonet"),
            ),
        ),
        Profile(
            "micro",
            "micro benchmark: each video alone, then the mean over videos",
            "video_mean",
            (
                Column("Sync", "lse_c", "sync_lite"),
                Column("PSNR", "psnr_ffmpeg"),
                Column("SSIM", "ssim_ffmpeg"),
                Column("FID", "fid_clean", "fd_lite"),
                Column("IS", "is"),
            ),
        ),
        Profile(
            "survey",
            "survey of avatar generation: its list of metrics",
            "pooled",
            (
                Column("PSNR", "psnr_rgb"),
                Column("SSIM", "ssim_wang"),
                Column("MAE", "mae"),
                Column("MSE", "mse"),
                Column("FID", "fid_pt", "fd_lite"),
                Column("IS", "is"),
                Column("NIQE", "niqe", "niqe_gt_lite"),
                Column("CPBD", "cpbd_compat"),
                Column("CSIM", "csim_aligned", "csim_lite"),
                Column("LMD", "lmd_centered_fan", "lmd_centered"),
                Column("MA", "ma_outer"),
                Column("Sync", "lse_c", "sync_lite"),
                Column("LSE-C", "lse_c", "sync_lite"),
                Column("LSE-D", "lse_d"),
                Column("Diversity", "diversity", "diversity_lite"),
                Column("BA", "beat_align", "beat_align_lite"),
            ),
        ),
        Profile(
            "theval",
            "THEval: the mean over clips of each metric",
            "video_mean",
            (
                Column("Global aesthetics", "theval_aesthetics_theval"),
                Column("Mouth quality", "theval_mouth_theval"),
                Column("Face quality", "theval_face_theval"),
                Column("Lip dynamics", "theval_lip_theval"),
                Column("Head motion", "theval_head_theval", "theval_head_lite"),
                Column("Eyebrow dynamics", "theval_brow_theval"),
                Column("Silent lip stability", "theval_silent_theval", "theval_silent_lite"),
                Column("Lip-sync", "theval_sync_theval", "theval_sync_lite"),
            ),
            closeness=True,
        ),
        Profile(
            "theval-fixed",
            "THEval without what makes its numbers depend on size, rate, gaps and neighbours",
            "video_mean",
            (
                Column("Global aesthetics", "theval_aesthetics_theval"),
                Column("Mouth quality", "theval_mouth_fixed"),
                Column("Face quality", "theval_face_fixed"),
                Column("Lip dynamics", "theval_lip_fixed"),
                Column("Head motion", "theval_head_fixed", "diversity_lite"),
                Column("Eyebrow dynamics", "theval_brow_fixed"),
                Column("Silent lip stability", "theval_silent_fixed", "theval_silent_lite"),
                Column("Lip-sync", "theval_sync_fixed", "theval_sync_lite"),
            ),
            closeness=True,
        ),
    )
}


def profile_names() -> tuple[str, ...]:
    """Names of all profiles; `all` stands for every metric."""
    return (*PROFILES, "all")


def find_profile(name: str) -> Profile:
    """A profile by name; `all` has one column for each registered metric.

    Raises:
        InputError: no such profile.
    """
    if name == "all":
        from bench.metrics.registry import all_metrics

        columns = tuple(Column(cls.id(), cls.id()) for cls in all_metrics())
        return Profile("all", "every metric", "pooled", columns)
    if name not in PROFILES:
        raise InputError(f"unknown profile {name!r}", expected=", ".join(profile_names()))
    return PROFILES[name]


def profile_table(profile: Profile, rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """The table of a profile as text: a head, then one line per method; values as its authors aggregate them.

    What is not comparable is marked by a dagger, a column without a number holds a dash.

    Args:
        rows: of results.json.
    """
    from bench.report.profile_view import profile_view

    view = profile_view(profile, rows)
    table = [["method", *(f"{head.label} {head.arrow}".strip() for head in view.heads)]]
    for method, cells in view.rows:
        daggers = ("" if cell.value is None or (cell.comparable and not cell.stand_in) else "†" for cell in cells)
        table.append([method, *(cell.text + dagger for cell, dagger in zip(cells, daggers, strict=True))])
    return table
