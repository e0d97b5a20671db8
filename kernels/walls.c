/* Pumps on the walls of the box: a sheet is what pumps one ion through one face.
 *
 * A face has `columns` cells along its first axis; the cell (b, a) = (n / columns, n % columns) beside it stands at
 * start + b down + a across of its member's state, the next one inward at + inward.
 */
#define LAW 6 /* P, V, B, K, leak, n of a pump: P c + (V c^n - B K^n)/(K^n + c^n) - leak */

/* Gross flux of a pump and its slope at c; below zero a law goes on as its tangent there. */
INLINE double law(const double *p, double c, double *slope) {
    if (p[1] == 0 && p[2] == 0) {
        *slope = p[0];
        return p[0] * c;
    }
    const double s = (c > 0 ? c : 0) / p[3];
    const int n = (int)p[5];
    double before = 1;
    for (int k = 1; k < n; ++k) before *= s;
    const double down = 1 / (1 + before * s), rise = (p[1] + p[2]) / p[3] * n * before * down * down;
    *slope = p[0] + rise;
    return p[0] * c + (p[1] * before * s - p[2]) * down + (c < 0 ? c : 0) * rise;
}

/* Net flux out of the box and slope of every pump, per area of the face.  The wall value u_w solves
 *   w + beta f(wall + w) = alpha + beta leak,   alpha = outer u0 + inner u1,
 * by Newton's method from max(alpha, 0), where it is monotone; where an obstacle cuts the two cells apart
 * (even 0) w = u0. */
KERNEL cross(int first, int last, wide face, wide columns, wide start, wide down, wide across, wide inward, wide size,
             int pumps, const double *laws, const double *cover, const double *even, double outer, double inner, double beta,
             const real *y, const real *wall, real *flux, real *slope) {
    FOR_EACH_PLANE(m, first, last) {
        const double *numbers = laws + (wide)m * pumps * LAW;
        FOR_EACH_SERIALLY(n, face) {
            const real *u = y + m * size + start + (n / columns) * down + (n % columns) * across;
            const double near = (double)wall[m * face + n];
            const int alike = !even || even[n] > 0;
            const double b = alike ? beta : 0;
            double alpha = alike ? outer * (double)u[0] + inner * (double)u[inward] : (double)u[0];
            for (int k = 0; k < pumps; ++k) alpha += b * cover[k * face + n] * numbers[k * LAW + 4];
            double w = alpha > 0 ? alpha : 0;
            for (int turn = 0; turn < 30; ++turn) {
                double f = 0, rise = 0;
                for (int k = 0; k < pumps; ++k) {
                    double s;
                    f += cover[k * face + n] * law(numbers + k * LAW, w + near, &s);
                    rise += cover[k * face + n] * s;
                }
                const double step = (alpha - w - b * f) / (1 + b * rise);
                w += step;
                if ((step < 0 ? -step : step) <= 1e-14 * (w < 0 ? -w : w)) break;
            }
            for (int k = 0; k < pumps; ++k) {
                double s;
                const double f = law(numbers + k * LAW, w + near, &s) - numbers[k * LAW + 4];
                const wide at = ((wide)m * pumps + k) * face + n;
                flux[at] = (real)(cover[k * face + n] * f);
                slope[at] = (real)(cover[k * face + n] * s);
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

/* hat (of members from `first` on) -= response q, where q depends on two of the three modes: its place is
 * z deep + y down + x across. */
KERNEL relieve(int first, int last, int nz, wide area, wide nx, wide face, wide deep, wide down, wide across,
               const real *restrict response, const real *restrict q, real *restrict hat) {
    FOR_EACH_PLANE(plane, first * MOBILE * nz, last * MOBILE * nz) {
        const int m = plane / (MOBILE * nz), z = plane % nz;
        const real *by = q + (m - first) * face + z * deep, *from = response + plane * area;
        real *at = hat + (plane - (wide)first * MOBILE * nz) * area;
        if (deep == 0)
            FOR_EACH(n, area) at[n] -= from[n] * by[n];
        else
            FOR_EACH(n, area) at[n] -= from[n] * by[(n / nx) * down + (n % nx) * across];
    }
}
