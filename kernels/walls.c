/* Pumps on the walls of the box: a sheet is what pumps one ion through one face.
 *
 * A face has `columns` cells along its first axis; the cell (b, a) = (n / columns, n % columns) beside it stands at
 * start + b down + a across of its member's state, the next one inward at + inward.
 */
#define LAW 6 /* P, V, B, K, leak, n of a pump: P c + (V c^n - B K^n)/(K^n + c^n) - leak */

/* Gross flux of a pump and its slope at the c of `count` cells; below zero a law goes on as its tangent there. */
INLINE void law(const double *p, int count, const double *c, double *value, double *slope) {
    if (p[1] == 0 && p[2] == 0) {
        SIDE_BY_SIDE(l, count) {
            slope[l] = p[0];
            value[l] = p[0] * c[l];
        }
        return;
    }
    const int n = (int)p[5];
    const double one = 1 / p[3], steep = (p[1] + p[2]) * one * n;
    SIDE_BY_SIDE(l, count) value[l] = 1;
    for (int k = 1; k < n; ++k) SIDE_BY_SIDE(l, count) value[l] *= (c[l] > 0 ? c[l] : 0) * one;
    SIDE_BY_SIDE(l, count) {
        const double before = value[l], above = before * (c[l] > 0 ? c[l] : 0) * one;
        const double down = 1 / (1 + above), rise = steep * before * down * down;
        slope[l] = p[0] + rise;
        value[l] = p[0] * c[l] + (p[1] * above - p[2]) * down + (c[l] < 0 ? c[l] : 0) * rise;
    }
}

/* Net flux out of the box and slope of every pump, per area of the face.  The wall value u_w solves
 *   w + beta f(wall + w) = alpha + beta leak,   alpha = outer u0 + inner u1,
 * by Newton's method from max(alpha, 0), where it is monotone; RUN cells search side by side, until all have found.
 * Where an obstacle cuts the two cells apart (even 0) w = u0. */
KERNEL cross(int first, int last, wide face, wide columns, wide start, wide down, wide across, wide inward, wide size,
             int pumps, const double *laws, const double *cover, const double *even, double outer, double inner, double beta,
             const real *y, const real *wall, real *flux, real *slope) {
    FOR_EACH_PLANE(m, first, last) {
        const double *numbers = laws + (wide)m * pumps * LAW;
        FOR_EACH_SERIALLY(run, (face + RUN - 1) / RUN) {
            const wide from = run * RUN;
            const int count = face - from < RUN ? (int)(face - from) : RUN;
            double alpha[RUN], w[RUN], c[RUN], f[RUN], rise[RUN], one[RUN], its[RUN], by[RUN];
            wide b = from / columns, a = from - b * columns;
            for (int l = 0; l < count; ++l) {
                const real *u = y + m * size + start + b * down + a * across;
                const int alike = !even || even[from + l] > 0;
                by[l] = alike ? beta : 0;
                alpha[l] = alike ? outer * (double)u[0] + inner * (double)u[inward] : (double)u[0];
                if (++a == columns) {
                    a = 0;
                    ++b;
                }
            }
            for (int k = 0; k < pumps; ++k)
                SIDE_BY_SIDE(l, count) alpha[l] += by[l] * cover[k * face + from + l] * numbers[k * LAW + 4];
            SIDE_BY_SIDE(l, count) {
                w[l] = alpha[l] > 0 ? alpha[l] : 0;
                c[l] = w[l] + (double)wall[m * face + from + l];
            }
            for (int turn = 0; turn < 30; ++turn) {
                SIDE_BY_SIDE(l, count) f[l] = rise[l] = 0;
                for (int k = 0; k < pumps; ++k) {
                    law(numbers + k * LAW, count, c, one, its);
                    SIDE_BY_SIDE(l, count) {
                        f[l] += cover[k * face + from + l] * one[l];
                        rise[l] += cover[k * face + from + l] * its[l];
                    }
                }
                SIDE_BY_SIDE(l, count) {
                    const double step = (alpha[l] - w[l] - by[l] * f[l]) / (1 + by[l] * rise[l]);
                    w[l] += step;
                    c[l] = w[l] + (double)wall[m * face + from + l];
                    f[l] = (step < 0 ? -step : step) - 1e-14 * (w[l] < 0 ? -w[l] : w[l]);
                }
                int left = 0;
                for (int l = 0; l < count; ++l) left += f[l] > 0;
                if (!left) break;
            }
            for (int k = 0; k < pumps; ++k) {
                law(numbers + k * LAW, count, c, one, its);
                const wide at = ((wide)m * pumps + k) * face + from;
                SIDE_BY_SIDE(l, count) {
                    flux[at + l] = (real)(cover[k * face + from + l] * (one[l] - numbers[k * LAW + 4]));
                    slope[at + l] = (real)(cover[k * face + from + l] * its[l]);
                }
            }
        }
    }
}

/* out_0 -= scale lost J and out_1 += scale kept J in the cell beside the face and the next one, J the net flux;
 * where these two are cut apart (even 0), out_0 -= scale plain J. */
KERNEL carry(int first, int last, wide face, wide columns, wide start, wide down, wide across, wide inward, wide size,
             int pumps, const double *scale, double plain, double lost, double kept, const double *even, const real *flux,
             real *out) {
    FOR_EACH_PLANE(m, first, last) {
        FOR_EACH_SERIALLY(n, face) {
            real *at = out + m * size + start + (n / columns) * down + (n % columns) * across;
            const real *from = flux + (wide)m * pumps * face + n;
            real sum = 0;
            for (int k = 0; k < pumps; ++k) sum += from[k * face];
            const int alike = !even || even[n] > 0;
            at[0] -= (real)(scale[m] * (alike ? lost : plain)) * sum;
            if (alike) at[inward] += (real)(scale[m] * kept) * sum;
        }
    }
}

/* hat (of members from `first` on) -= response (c0 q0 + c1 q1): c depends on the mode along the sheets' axis
 * (2 = z, 1 = y, 0 = x), q on the other two. */
KERNEL relieve(int first, int last, int nz, wide area, wide nx, wide face, int axis, const real *restrict c0,
               const real *restrict c1, const real *restrict q0, const real *restrict q1, const real *restrict response,
               real *restrict hat) {
    FOR_EACH_PLANE(plane, first * CARRIED * nz, last * CARRIED * nz) {
        const int m = plane / (CARRIED * nz), z = plane % nz;
        const wide deep = axis == 2 ? 0 : axis == 1 ? nx : area / nx;
        const real *one = q0 + (m - first) * face + z * deep, *two = q1 + (m - first) * face + z * deep;
        const real *from = response + plane * area;
        real *at = hat + (plane - (wide)first * CARRIED * nz) * area;
        if (axis == 2) {
            const real a = c0[z], b = c1[z];
            FOR_EACH(n, area) at[n] -= from[n] * (a * one[n] + b * two[n]);
        } else if (axis == 1) {
            FOR_EACH(n, area) at[n] -= from[n] * (c0[n / nx] * one[n % nx] + c1[n / nx] * two[n % nx]);
        } else {
            FOR_EACH(n, area) at[n] -= from[n] * (c0[n % nx] * one[n / nx] + c1[n % nx] * two[n / nx]);
        }
    }
}
