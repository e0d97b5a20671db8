/* Two sums of the same vectors in one pass over whole states; coefficients of the first vector may
 * differ between members.
 *
 *   out = factor[m] a0 u0 + a1 u1 + .. + a4 u4,      also = b1 u1 + .. + b4 u4
 */
#define EACH(SUM, OTHER) \
    if (also) \
        FOR_EACH(n, size) { to[n] = f * p0[n] SUM; other[n] = OTHER; } \
    else \
        FOR_EACH(n, size) to[n] = f * p0[n] SUM;

KERNEL combine(int first, int last, wide size, const double *factor, int terms, double a0, double a1, double a2, double a3,
               double a4, double b1, double b2, double b3, double b4, const real *u0, const real *u1, const real *u2,
               const real *u3, const real *u4, real *out, real *also) {
    const real x1 = (real)a1, x2 = (real)a2, x3 = (real)a3, x4 = (real)a4;
    const real y1 = (real)b1, y2 = (real)b2, y3 = (real)b3, y4 = (real)b4;
    FOR_EACH_PLANE(m, first, last) {
        const real f = (real)(factor ? factor[m] * a0 : a0);
        const wide at = m * size;
        const real *p0 = u0 + at, *p1 = u1 + at, *p2 = u2 + at, *p3 = u3 + at, *p4 = u4 + at;
        real *restrict to = out + at, *restrict other = also + at;
        if (terms == 1) {
            EACH(, 0)
        } else if (terms == 2) {
            EACH(+ x1 * p1[n], y1 * p1[n])
        } else if (terms == 3) {
            EACH(+ x1 * p1[n] + x2 * p2[n], y1 * p1[n] + y2 * p2[n])
        } else if (terms == 4) {
            EACH(+ x1 * p1[n] + x2 * p2[n] + x3 * p3[n], y1 * p1[n] + y2 * p2[n] + y3 * p3[n])
        } else {
            EACH(+ x1 * p1[n] + x2 * p2[n] + x3 * p3[n] + x4 * p4[n],
                 y1 * p1[n] + y2 * p2[n] + y3 * p3[n] + y4 * p4[n])
        }
    }
}
