/* out = factor[m] y + sum_t c_t u_t, one pass over whole state vectors. */
KERNEL combine(int first, int last, wide size, const double *factor, const real *y, int terms, double c0, double c1,
               double c2, double c3, const real *u0, const real *u1, const real *u2, const real *u3, real *out) {
    const real a0 = (real)c0, a1 = (real)c1, a2 = (real)c2, a3 = (real)c3;
    FOR_EACH_PLANE(m, first, last) {
        const real f = factor ? (real)factor[m] : 1;
        const wide at = m * size;
        const real *b = y + at, *p0 = u0 + at, *p1 = u1 + at, *p2 = u2 + at, *p3 = u3 + at;
        real *to = out + at;
        if (terms == 0)
            FOR_EACH(n, size) to[n] = f * b[n];
        else if (terms == 1)
            FOR_EACH(n, size) to[n] = f * b[n] + a0 * p0[n];
        else if (terms == 2)
            FOR_EACH(n, size) to[n] = f * b[n] + a0 * p0[n] + a1 * p1[n];
        else if (terms == 3)
            FOR_EACH(n, size) to[n] = f * b[n] + a0 * p0[n] + a1 * p1[n] + a2 * p2[n];
        else
            FOR_EACH(n, size) to[n] = f * b[n] + a0 * p0[n] + a1 * p1[n] + a2 * p2[n] + a3 * p3[n];
    }
}
