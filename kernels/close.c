/* The end of a step in one sweep,
 *
 *   now = y + a1 u1 + .. + a4 u4 + what stands in `now` (plus 0: nothing, 1: of ions, 2: of all species),
 *   error = b1 u1 + .. + b4 u4,
 *
 * with the largest ratio of the error to its tolerance and the extremes of the new state. */
#define NOW(n) (p0[n] + x1 * p1[n] + x2 * p2[n] + x3 * p3[n] + x4 * p4[n] + (add ? to[n] : 0))
#define ERROR(n) (y1 * p1[n] + y2 * p2[n] + y3 * p3[n] + y4 * p4[n])

KERNEL close_step(int first, int last, int nz, wide area, wide size, int plus, double a1, double a2, double a3, double a4,
                  double b1, double b2, double b3, double b4, const real *u0, const real *u1, const real *u2, const real *u3,
                  const real *u4, const real *near_old, const real *near_now, double rtol, double atol_ion,
                  double atol_buffer, real *restrict now, real *restrict partial) {
    const wide cells = area * nz;
    const real x1 = (real)a1, x2 = (real)a2, x3 = (real)a3, x4 = (real)a4, relative = (real)rtol;
    const real y1 = (real)b1, y2 = (real)b2, y3 = (real)b3, y4 = (real)b4;
    FOR_EACH_PLANE(plane, first * nz, last * nz) {
        const int m = plane / nz, z = plane - m * nz;
        real *out = partial + (((wide)m * CELL_ROWS) * nz + z) * PARTS + PART;
        real most = 0;
        for (int s = 0; s < SPECIES; ++s) {
            const wide at = m * size + s * cells + z * area;
            const real *p0 = u0 + at, *p1 = u1 + at, *p2 = u2 + at, *p3 = u3 + at, *p4 = u4 + at;
            real *restrict to = now + at;
            const int add = plus > (s >= IONS);
            real lo = (real)LARGE, hi = (real)-LARGE;
            if (s < IONS) {
                const wide field = ((wide)m * IONS + s) * cells + z * area;
                const real *before = near_old + field, *after = near_now + field;
                FOR_EACH_EXTREME(n, area, lo, hi, most) {
                    const real value = NOW(n), c = value + after[n];
                    const real r = ratio(ERROR(n), p0[n] + before[n], c, relative, (real)atol_ion);
                    to[n] = value;
                    lo = c < lo ? c : lo;
                    hi = c > hi ? c : hi;
                    most = r > most ? r : most;
                }
            } else {
                FOR_EACH_EXTREME(n, area, lo, hi, most) {
                    const real value = NOW(n);
                    const real r = ratio(ERROR(n), p0[n], value, relative, (real)atol_buffer);
                    to[n] = value;
                    lo = value < lo ? value : lo;
                    hi = value > hi ? value : hi;
                    most = r > most ? r : most;
                }
            }
            out[(1 + 2 * s) * nz * PARTS] = -lo;
            out[(2 + 2 * s) * nz * PARTS] = hi;
        }
        out[0] = most;
    }
}

/* The same on sub-cells; runs after `close_step`, for c there is read from the cells. */
KERNEL close_refined(int first, int last, wide cells, wide size, int plus, double a1, double a2, double a3, double a4,
                     double b1, double b2, double b3, double b4, const real *u0, const real *u1, const real *u2,
                     const real *u3, const real *u4, const real *near_now, const real *ripple, int count, const wide *cell,
                     double rtol, double atol_buffer, real *now, real *restrict partial) {
#if REFINED > 0
    const real x1 = (real)a1, x2 = (real)a2, x3 = (real)a3, x4 = (real)a4, relative = (real)rtol;
    const real y1 = (real)b1, y2 = (real)b2, y3 = (real)b3, y4 = (real)b4;
    const int add = plus > 1;
    FOR_EACH_PLANE(m, first, last) {
        real *out = partial + (wide)m * FINE_ROWS * PARTS + PART;
        real most = 0;
        for (int r = 0; r < REFINED; ++r) {
            const int i = BINDS(REFINES(r));
            const real *u = now + m * size + i * cells, *field = near_now + ((wide)m * IONS + i) * cells;
            const real *wave = ripple + ((wide)m * IONS + i) * count * SUB;
            const wide at = m * size + SPECIES * cells + (wide)r * count * SUB;
            const real *p0 = u0 + at, *p1 = u1 + at, *p2 = u2 + at, *p3 = u3 + at, *p4 = u4 + at;
            real *to = now + at, least = (real)LARGE, lo = (real)LARGE, hi = (real)-LARGE;
            FOR_EACH_SUB_CELL(k, q, count) {
                const wide n = k * SUB + q;
                const real value = NOW(n), c = u[cell[k]] + field[cell[k]] + wave[n];
                const real over = ratio(ERROR(n), p0[n], value, relative, (real)atol_buffer);
                to[n] = value;
                least = c < least ? c : least;
                lo = value < lo ? value : lo;
                hi = value > hi ? value : hi;
                most = over > most ? over : most;
            }
            out[(1 + 3 * r) * PARTS] = -least;
            out[(2 + 3 * r) * PARTS] = -lo;
            out[(3 + 3 * r) * PARTS] = hi;
        }
        out[0] = most;
    }
#endif
}
