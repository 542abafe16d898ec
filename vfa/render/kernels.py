"""The compiled loops of the CPU renderer: projection, normals, visibility, barycentrics, texture sampling and shading.

Importing this module imports numba. One file on purpose: numba's cache notices changes in the file of a function only,
not in those of the functions it calls.

Coverage is exact. Screen positions are snapped to 1/4096 pixel, so that edge functions are exact in float64 for
coordinates up to some thousand pixels; with the top-left rule a pixel centre on a shared edge belongs to one triangle.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit

SNAP = 4096.0
HAIR = 0.5 / SNAP**2  # half of the smallest step of an edge function


def _compiled(function: Callable) -> Callable:
    try:
        return njit(cache=True, error_model="numpy", nogil=True)(function)
    except RuntimeError:  # numba found no folder that it may write its cache to
        return njit(error_model="numpy", nogil=True)(function)


def _inlined(function: Callable) -> Callable:
    """For small functions with many array arguments: passing these would cost more than the work."""
    return njit(inline="always", error_model="numpy")(function)


@_compiled
def project(vertices, rotation, eye, focal, cx, cy, tiny, screen):
    """Fill screen float32 `[V, 3]` with (x_px, y_px, depth) of the vertices; arithmetic in float64."""
    for i in range(vertices.shape[0]):
        dx = np.float64(vertices[i, 0]) - eye[0]
        dy = np.float64(vertices[i, 1]) - eye[1]
        dz = np.float64(vertices[i, 2]) - eye[2]
        depth = -(rotation[2, 0] * dx + rotation[2, 1] * dy + rotation[2, 2] * dz)
        if abs(depth) < tiny:
            depth = tiny if depth >= 0 else -tiny
        scale = focal / depth
        screen[i, 0] = cx + (rotation[0, 0] * dx + rotation[0, 1] * dy + rotation[0, 2] * dz) * scale
        screen[i, 1] = cy - (rotation[1, 0] * dx + rotation[1, 1] * dy + rotation[1, 2] * dz) * scale
        screen[i, 2] = depth


@_compiled
def vertex_normals(vertices, triangles, normals):
    """Fill normals float32 `[V, 3]` with unit area-weighted normals; zero where no triangle gives a direction."""
    sums = np.zeros((vertices.shape[0], 3))
    for t in range(triangles.shape[0]):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, az = np.float64(vertices[i, 0]), np.float64(vertices[i, 1]), np.float64(vertices[i, 2])
        bx, by, bz = vertices[j, 0] - ax, vertices[j, 1] - ay, vertices[j, 2] - az
        cx, cy, cz = vertices[k, 0] - ax, vertices[k, 1] - ay, vertices[k, 2] - az
        nx, ny, nz = by * cz - bz * cy, bz * cx - bx * cz, bx * cy - by * cx
        if not (np.isfinite(nx) and np.isfinite(ny) and np.isfinite(nz)):
            continue
        for v in (i, j, k):
            sums[v, 0] += nx
            sums[v, 1] += ny
            sums[v, 2] += nz
    for v in range(vertices.shape[0]):
        length = np.sqrt(sums[v, 0] ** 2 + sums[v, 1] ** 2 + sums[v, 2] ** 2)
        scale = 1.0 / length if length > 0 else 0.0
        normals[v, 0] = sums[v, 0] * scale
        normals[v, 1] = sums[v, 1] * scale
        normals[v, 2] = sums[v, 2] * scale


@_compiled
def snap(screen, near, factor, out):
    """Fill out float64 `[V, 3]` with snapped x, y times `factor` and 1/depth; 0 marks behind `near`, NaN not finite."""
    for i in range(screen.shape[0]):
        x, y, z = np.float64(screen[i, 0]), np.float64(screen[i, 1]), np.float64(screen[i, 2])
        if not (np.isfinite(x) and np.isfinite(y) and np.isfinite(z)):
            out[i, 0], out[i, 1], out[i, 2] = np.nan, np.nan, np.nan
            continue
        out[i, 0] = np.floor(x * factor * SNAP + 0.5) / SNAP
        out[i, 1] = np.floor(y * factor * SNAP + 0.5) / SNAP
        out[i, 2] = 1.0 / z if z >= near else 0.0


@_compiled
def _crossing(screen, factor, i, j, k):
    """Edge planes of a triangle that crosses the near plane: 3x3 coefficients of barycentric / depth over (x, y, 1)."""
    h = np.empty((3, 3))
    for row, v in enumerate((i, j, k)):
        z = np.float64(screen[v, 2])
        h[row, 0], h[row, 1], h[row, 2] = screen[v, 0] * factor * z, screen[v, 1] * factor * z, z
    plane = np.empty((3, 3))
    for row in range(3):
        a, b = h[(row + 1) % 3], h[(row + 2) % 3]
        plane[row, 0] = a[1] * b[2] - a[2] * b[1]
        plane[row, 1] = a[2] * b[0] - a[0] * b[2]
        plane[row, 2] = a[0] * b[1] - a[1] * b[0]
    determinant = plane[0, 0] * h[0, 0] + plane[0, 1] * h[0, 1] + plane[0, 2] * h[0, 2]
    return plane / determinant if determinant != 0 else plane * np.nan


@_compiled
def weights(snapped, screen, factor, i, j, k, px, py):
    """Perspective-correct barycentric coordinates of triangle (i, j, k) at a pixel position, and the depth there."""
    if snapped[i, 2] > 0 and snapped[j, 2] > 0 and snapped[k, 2] > 0:
        x0, y0 = snapped[i, 0] - px, snapped[i, 1] - py
        x1, y1 = snapped[j, 0] - px, snapped[j, 1] - py
        x2, y2 = snapped[k, 0] - px, snapped[k, 1] - py
        e0, e1, e2 = x1 * y2 - x2 * y1, x2 * y0 - x0 * y2, x0 * y1 - x1 * y0
        g0, g1, g2 = e0 * snapped[i, 2], e1 * snapped[j, 2], e2 * snapped[k, 2]
        scale = 1.0 / (g0 + g1 + g2)
        return g0 * scale, g1 * scale, g2 * scale, (e0 + e1 + e2) * scale
    p = _crossing(screen, factor, i, j, k)
    g0 = p[0, 0] * px + p[0, 1] * py + p[0, 2]
    g1 = p[1, 0] * px + p[1, 1] * py + p[1, 2]
    g2 = p[2, 0] * px + p[2, 1] * py + p[2, 2]
    scale = 1.0 / (g0 + g1 + g2)
    return g0 * scale, g1 * scale, g2 * scale, scale


@_compiled
def _fetch(texels, levels, level, clamp, u, v):
    """Bilinear sample (r, g, b, a) in 0..255 of one texture level; v = 0 is the bottom; borders clamp or repeat."""
    offset, width, height = levels[level, 0], levels[level, 1], levels[level, 2]
    x, y = u * width - 0.5, (1.0 - v) * height - 0.5
    if clamp:
        x, y = min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0)
    fx, fy = np.floor(x), np.floor(y)
    x0, y0 = int(fx), int(fy)
    tx, ty = x - fx, y - fy
    if clamp:
        x1, y1 = min(x0 + 1, width - 1), min(y0 + 1, height - 1)
    else:
        x1, y1, x0, y0 = (x0 + 1) % width, (y0 + 1) % height, x0 % width, y0 % height
    p00, p01 = offset + y0 * width + x0, offset + y0 * width + x1
    p10, p11 = offset + y1 * width + x0, offset + y1 * width + x1
    w00, w01, w10, w11 = (1 - tx) * (1 - ty), tx * (1 - ty), (1 - tx) * ty, tx * ty
    return (
        texels[p00, 0] * w00 + texels[p01, 0] * w01 + texels[p10, 0] * w10 + texels[p11, 0] * w11,
        texels[p00, 1] * w00 + texels[p01, 1] * w01 + texels[p10, 1] * w10 + texels[p11, 1] * w11,
        texels[p00, 2] * w00 + texels[p01, 2] * w01 + texels[p10, 2] * w10 + texels[p11, 2] * w11,
        texels[p00, 3] * w00 + texels[p01, 3] * w01 + texels[p10, 3] * w10 + texels[p11, 3] * w11,
    )


@_compiled
def _is_transparent(t, g0, g1, g2, alpha_level, texels, levels, clamp, uv):
    """True where the texture's alpha cuts a hole at a point, given as barycentric coordinates over depth."""
    level = alpha_level[t]
    if level < 0:
        return False
    scale = 1.0 / (g0 + g1 + g2)
    u = (g0 * uv[t, 0, 0] + g1 * uv[t, 1, 0] + g2 * uv[t, 2, 0]) * scale
    v = (g0 * uv[t, 0, 1] + g1 * uv[t, 1, 1] + g2 * uv[t, 2, 1]) * scale
    return _fetch(texels, levels, level, clamp, u, v)[3] < 127.5


@_compiled
def _plot_crossing(top, bottom, screen, triangles, t, factor, near, invz, tri, alpha_level, texels, levels, clamp, uv):
    """Draw a triangle that reaches behind the near plane: bound its visible part, then test pixels homogeneously."""
    width = invz.shape[1]
    lo_x, lo_y, hi_x, hi_y = np.inf, np.inf, -np.inf, -np.inf
    for corner in range(3):
        a, b = triangles[t, corner], triangles[t, (corner + 1) % 3]
        za, zb = np.float64(screen[a, 2]), np.float64(screen[b, 2])
        xa, ya = np.float64(screen[a, 0]) * factor, np.float64(screen[a, 1]) * factor
        if za >= near:
            lo_x, hi_x, lo_y, hi_y = min(lo_x, xa), max(hi_x, xa), min(lo_y, ya), max(hi_y, ya)
        if (za >= near) != (zb >= near):
            s = (near - za) / (zb - za)
            x = (xa * za * (1 - s) + screen[b, 0] * factor * zb * s) / near
            y = (ya * za * (1 - s) + screen[b, 1] * factor * zb * s) / near
            lo_x, hi_x, lo_y, hi_y = min(lo_x, x), max(hi_x, x), min(lo_y, y), max(hi_y, y)
    p = _crossing(screen, factor, triangles[t, 0], triangles[t, 1], triangles[t, 2])
    x_first, x_last = int(max(0.0, np.ceil(lo_x - 0.5))), int(min(width - 1.0, np.floor(hi_x - 0.5)))
    y_first, y_last = int(max(float(top), np.ceil(lo_y - 0.5))), int(min(bottom - 1.0, np.floor(hi_y - 0.5)))
    for y in range(y_first, y_last + 1):
        for x in range(x_first, x_last + 1):
            px, py = x + 0.5, y + 0.5
            g0 = p[0, 0] * px + p[0, 1] * py + p[0, 2]
            g1 = p[1, 0] * px + p[1, 1] * py + p[1, 2]
            g2 = p[2, 0] * px + p[2, 1] * py + p[2, 2]
            inverse = g0 + g1 + g2
            if not (g0 >= 0 and g1 >= 0 and g2 >= 0 and invz[y, x] < np.float32(inverse) <= 1 / near):
                continue
            if alpha_level.shape[0] and _is_transparent(t, g0, g1, g2, alpha_level, texels, levels, clamp, uv):
                continue
            invz[y, x] = inverse
            tri[y, x] = t


@_compiled
def visibility(
    top, bottom, snapped, screen, factor, near, triangles, invz, tri, alpha_level, texels, levels, clamp, uv
):
    """Z-buffer: fill invz float32 `[H, W]` (0 = none) and tri int32 `[H, W]` (-1 = none) with the nearest triangle.

    Only rows top to bottom - 1 are touched; what they get does not depend on how the rows are shared out.
    alpha_level int32 `[F]`: texture level whose alpha cuts the triangle, -1 for opaque; empty if nothing is cut.
    A triangle of negative alpha_level -2 is not drawn at all.
    """
    width = invz.shape[1]
    invz[top:bottom] = 0
    tri[top:bottom] = -1
    cut = alpha_level.shape[0] > 0
    for t in range(triangles.shape[0]):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        w0, w1, w2 = snapped[i, 2], snapped[j, 2], snapped[k, 2]
        if not (w0 > 0 and w1 > 0 and w2 > 0):
            if w0 + w1 + w2 > 0 and not (cut and alpha_level[t] == -2):
                _plot_crossing(
                    top, bottom, screen, triangles, t, factor, near, invz, tri, alpha_level, texels, levels, clamp, uv
                )
            continue
        x0, x1, x2 = snapped[i, 0], snapped[j, 0], snapped[k, 0]
        x_first = max(0.0, np.ceil(min(x0, x1, x2) - 0.5))
        x_last = min(width - 1.0, np.floor(max(x0, x1, x2) - 0.5))
        if x_first > x_last:
            continue
        y0, y1, y2 = snapped[i, 1], snapped[j, 1], snapped[k, 1]
        y_first = max(0.0, np.ceil(min(y0, y1, y2) - 0.5))
        y_last = min(bottom - 1.0, np.floor(max(y0, y1, y2) - 0.5))
        if y_first > y_last or y_last < top or (cut and alpha_level[t] == -2):
            continue
        ox, oy = x_first + 0.5, y_first + 0.5  # the first pixel centre is the origin: small numbers stay exact
        x0, x1, x2, y0, y1, y2 = x0 - ox, x1 - ox, x2 - ox, y0 - oy, y1 - oy, y2 - oy
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if area == 0:
            continue
        sign = 1.0 if area > 0 else -1.0
        a0, b0, c0 = sign * (y1 - y2), sign * (x2 - x1), sign * (x1 * y2 - x2 * y1)
        a1, b1, c1 = sign * (y2 - y0), sign * (x0 - x2), sign * (x2 * y0 - x0 * y2)
        a2, b2, c2 = sign * (y0 - y1), sign * (x1 - x0), sign * (x0 * y1 - x1 * y0)
        scale = sign / area
        w0, w1, w2 = w0 * scale, w1 * scale, w2 * scale
        w_x, w_y, w_c = a0 * w0 + a1 * w1 + a2 * w2, b0 * w0 + b1 * w1 + b2 * w2, c0 * w0 + c1 * w1 + c2 * w2
        # a pixel on an edge belongs to the triangle whose left or upper edge it is; for the other it is just outside
        c0 -= 0.0 if a0 > 0 or (a0 == 0 and b0 > 0) else HAIR
        c1 -= 0.0 if a1 > 0 or (a1 == 0 and b1 > 0) else HAIR
        c2 -= 0.0 if a2 > 0 or (a2 == 0 and b2 > 0) else HAIR
        column, row = int(x_first), int(y_first)
        n_columns, n_rows = int(x_last) - column + 1, int(y_last) - row + 1
        for y in range(max(0, top - row), n_rows):
            e0, e1, e2, inverse = b0 * y + c0, b1 * y + c1, b2 * y + c2, w_y * y + w_c
            for x in range(n_columns):
                if e0 >= 0 and e1 >= 0 and e2 >= 0:
                    w = np.float32(inverse)
                    if w > invz[row + y, column + x] and not (
                        cut and _is_transparent(t, e0 * w0, e1 * w1, e2 * w2, alpha_level, texels, levels, clamp, uv)
                    ):
                        invz[row + y, column + x] = w
                        tri[row + y, column + x] = t
                e0, e1, e2, inverse = e0 + a0, e1 + a1, e2 + a2, inverse + w_x


@_compiled
def resolve(top, bottom, snapped, screen, triangles, tri, depth, barycentric):
    """From the triangle map, in rows top to bottom - 1: depth `[H, W]` (NaN none) and barycentrics `[H, W, 3]`."""
    for y in range(top, bottom):
        for x in range(tri.shape[1]):
            t = tri[y, x]
            if t < 0:
                depth[y, x] = np.nan
                barycentric[y, x, 0], barycentric[y, x, 1], barycentric[y, x, 2] = 0.0, 0.0, 0.0
                continue
            b0, b1, b2, z = weights(
                snapped, screen, 1.0, triangles[t, 0], triangles[t, 1], triangles[t, 2], x + 0.5, y + 0.5
            )
            depth[y, x] = z
            barycentric[y, x, 0], barycentric[y, x, 1], barycentric[y, x, 2] = b0, b1, b2


@_inlined
def _diffuse(nx, ny, nz, polynomial, directions, intensities, channel):
    """One channel of the diffuse light on a surface of unit normal n."""
    p, c = polynomial, channel  # views of single rows or columns would cost more than the arithmetic
    light = p[0, c] + p[1, c] * nx + p[2, c] * ny + p[3, c] * nz
    if p.shape[0] > 4:
        light += p[4, c] * nx * ny + p[5, c] * ny * nz + p[6, c] * nz * nz
        light += p[7, c] * nx * nz + p[8, c] * (nx * nx - ny * ny)
    for i in range(directions.shape[0]):
        cosine = nx * directions[i, 0] + ny * directions[i, 1] + nz * directions[i, 2]
        light += intensities[i, channel] * max(cosine, 0.0)
    return light


@_compiled
def _texture_level(snapped, i, j, k, t, uv, levels, first, level_count, samples):
    """The mip level at which a texel is about as large as a pixel."""
    du1, dv1 = uv[t, 1, 0] - uv[t, 0, 0], uv[t, 1, 1] - uv[t, 0, 1]
    du2, dv2 = uv[t, 2, 0] - uv[t, 0, 0], uv[t, 2, 1] - uv[t, 0, 1]
    texels = abs(du1 * dv2 - du2 * dv1) * levels[first, 1] * levels[first, 2]
    dx1, dy1 = snapped[j, 0] - snapped[i, 0], snapped[j, 1] - snapped[i, 1]
    dx2, dy2 = snapped[k, 0] - snapped[i, 0], snapped[k, 1] - snapped[i, 1]
    pixels = abs(dx1 * dy2 - dx2 * dy1) / samples
    level = first
    while texels > 3.0 * pixels and level < first + level_count - 1:
        texels *= 0.25
        level += 1
    return level


@_inlined
def _light(
    snapped, i, j, k, b0, b1, b2, normals, white, polynomial, directions, intensities, specular, shininess, halfway
):
    """Light (red, green, blue) and gloss at a point of a triangle; its seen side is the lit one."""
    nx = b0 * normals[i, 0] + b1 * normals[j, 0] + b2 * normals[k, 0]
    ny = b0 * normals[i, 1] + b1 * normals[j, 1] + b2 * normals[k, 1]
    nz = b0 * normals[i, 2] + b1 * normals[j, 2] + b2 * normals[k, 2]
    turn = (snapped[j, 0] - snapped[i, 0]) * (snapped[k, 1] - snapped[i, 1])
    turn -= (snapped[k, 0] - snapped[i, 0]) * (snapped[j, 1] - snapped[i, 1])
    scale = 1.0 / max(np.sqrt(nx * nx + ny * ny + nz * nz), 1e-12)
    if turn > 0:  # y points down, so that front faces turn negative
        scale = -scale
    nx, ny, nz = nx * scale, ny * scale, nz * scale
    red = _diffuse(nx, ny, nz, polynomial, directions, intensities, 0)
    green = red if white else _diffuse(nx, ny, nz, polynomial, directions, intensities, 1)
    blue = red if white else _diffuse(nx, ny, nz, polynomial, directions, intensities, 2)
    gloss = 0.0
    if specular > 0:
        gloss = specular * max(nx * halfway[0] + ny * halfway[1] + nz * halfway[2], 0.0) ** shininess
    return red, green, blue, gloss


@_compiled
def shade(
    top, bottom, snapped, screen, factor, triangles, tri, normals, vertex_colors, uv,
    material, base, first_level, level_count, texels, levels, clamp,
    unlit, white, polynomial, directions, intensities, specular, shininess, halfway, background, image,
):  # fmt: skip
    """Fill rows top to bottom - 1 of image uint8 `[H, W, 3]` with the mean of f x f samples of tri `[f H, f W]`.

    polynomial float64 `[4 or 9, 3]`; white: all channels of the light are equal; halfway float64 `[3]`: unit vector
    between the first lamp and the viewer.
    """
    width = image.shape[1]
    step = tri.shape[1] // width
    count = step * step
    share = 255.0 / count
    ox, oy = np.empty(count, np.int64), np.empty(count, np.int64)
    for n in range(count):  # back and forth, so that neighbours follow one another
        oy[n] = n // step
        ox[n] = n % step if oy[n] % 2 == 0 else step - 1 - n % step
    for y in range(top, bottom):
        for x in range(width):
            red, green, blue = 0.0, 0.0, 0.0
            n = 0
            while n < count:
                t = tri[y * step + oy[n], x * step + ox[n]]
                px, py, run = ox[n], oy[n], 1  # samples of one triangle are coloured together, at their centre
                while n + run < count and tri[y * step + oy[n + run], x * step + ox[n + run]] == t:
                    px, py, run = px + ox[n + run], py + oy[n + run], run + 1
                n += run
                if t < 0:
                    red += run * background[y, x, 0]
                    green += run * background[y, x, 1]
                    blue += run * background[y, x, 2]
                    continue
                i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
                b0, b1, b2, _ = weights(
                    snapped, screen, factor, i, j, k, x * step + px / run + 0.5, y * step + py / run + 0.5
                )
                m = material[t] if material.shape[0] else 0
                r, g, b, gloss = base[m, 0], base[m, 1], base[m, 2], 0.0
                if not unlit:
                    light = _light(
                        snapped, i, j, k, b0, b1, b2, normals,
                        white, polynomial, directions, intensities, specular, shininess, halfway,
                    )  # fmt: skip
                    r, g, b, gloss = r * light[0], g * light[1], b * light[2], light[3]
                if vertex_colors.shape[0]:
                    c = vertex_colors
                    r *= (b0 * c[i, 0] + b1 * c[j, 0] + b2 * c[k, 0]) * (1 / 255.0)
                    g *= (b0 * c[i, 1] + b1 * c[j, 1] + b2 * c[k, 1]) * (1 / 255.0)
                    b *= (b0 * c[i, 2] + b1 * c[j, 2] + b2 * c[k, 2]) * (1 / 255.0)
                if level_count[m] > 0:
                    u = b0 * uv[t, 0, 0] + b1 * uv[t, 1, 0] + b2 * uv[t, 2, 0]
                    v = b0 * uv[t, 0, 1] + b1 * uv[t, 1, 1] + b2 * uv[t, 2, 1]
                    level = _texture_level(snapped, i, j, k, t, uv, levels, first_level[m], level_count[m], count)
                    texel = _fetch(texels, levels, level, clamp, u, v)
                    r *= texel[0] * (1 / 255.0)
                    g *= texel[1] * (1 / 255.0)
                    b *= texel[2] * (1 / 255.0)
                red += run * min(max(r + gloss, 0.0), 1.0)
                green += run * min(max(g + gloss, 0.0), 1.0)
                blue += run * min(max(b + gloss, 0.0), 1.0)
            image[y, x, 0] = np.uint8(red * share + 0.5)
            image[y, x, 1] = np.uint8(green * share + 0.5)
            image[y, x, 2] = np.uint8(blue * share + 0.5)
