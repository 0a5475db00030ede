/* Elementary functions that loops compute inline: plain IEEE operations without branches, so that a
   loop's vectors and its last turns give the same bits, whatever the chunk or the vector's width.

   All reduce the argument with fma() and add up a polynomial; the coefficients are minimax fits
   (Remez's algorithm with mpmath, 50 digits), rounded. Polynomials are split by powers of r*r:
   chains of operations, each waiting for the one before, would leave the processor idle.
   Functions that libmvec computes as fast are not here, exp in double precision among them.
   Largest errors, in units in the last place: expf 0.93 and tanhf 2.43 (of all numbers), tanh 2.5. */

#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)

#define ARN_INLINE static inline __attribute__((always_inline))

ARN_INLINE uint32_t arn_bits_float(float x)
{
    const union { float f; uint32_t u; } value = {.f = x};
    return value.u;
}

ARN_INLINE float arn_float(uint32_t x)
{
    const union { uint32_t u; float f; } value = {.u = x};
    return value.f;
}

ARN_INLINE uint64_t arn_bits_double(double x)
{
    const union { double f; uint64_t u; } value = {.f = x};
    return value.u;
}

ARN_INLINE double arn_double(uint64_t x)
{
    const union { uint64_t u; double f; } value = {.u = x};
    return value.f;
}

/* exp(x) = 2^n exp(r), |r| <= log(2) / 2. Adding `round` leaves n, and what makes the exponents of
   the two factors of 2^n positive, in the lowest bits; the second factor overflows or underflows as
   it ought to. Where x is too far out for those bits, the result is not used. */

ARN_INLINE float arn_expf(float x)
{
    const float round = 0x1.8p23f + 254;
    const float t = fmaf(x, 0x1.715476p+0f, round), n = t - round;
    const float r = fmaf(n, 0x1.05c61p-29f, fmaf(n, -0x1.62e43p-1f, x)), r2 = r * r;
    const float q0 = fmaf(r, 0x1.555490p-3f, 0x1.fffffcp-2f);
    const float q1 = fmaf(fmaf(r, 0x1.6a2384p-10f, 0x1.123a6ap-7f), r, 0x1.5558f4p-5f);
    const float q = fmaf(q1, r2, q0);
    const uint32_t bits = arn_bits_float(t), half = bits >> 1;
    const float s1 = arn_float(half << 23), s2 = arn_float((bits - half) << 23);
    const float y = fmaf(fmaf(q, r, 1), r * s1, s1) * s2;
    const float below = x > 89 ? INFINITY : y;
    return x < -104 ? 0 : below;
}

/* tanh(x) = h / (h + 1) with h = expm1(2 x) / 2 = 2^n p + (2^n - 1) / 2, 2 x = n log(2) + 2 r,
   p = expm1(2 r) / 2. In single precision one part of log(2) is enough: for n > 0 tanh changes less
   than x does. In double precision what the second part takes off r is added to p. */

ARN_INLINE float arn_tanhf(float x)
{
    const float round = 0x1.8p23f + 127, a = fabsf(x);
    const float t = fmaf(a, 0x1.715476p+1f, round), n = t - round;
    const float r = fmaf(n, -0x1.62e43p-2f, a), r2 = r * r;
    const float q0 = fmaf(r, 0x1.555554p-1f, 1);
    const float q2 = fmaf(r, 0x1.11118cp-3f, 0x1.5554b0p-2f);
    const float q4 = fmaf(r, 0x1.a03084p-7f, 0x1.6d72a6p-5f);
    const float p = fmaf(fmaf(fmaf(q4, r2, q2), r2, q0), r2, r);
    const float s = arn_float(arn_bits_float(t) << 23);
    const float h = fmaf(p, s, fmaf(s, 0.5f, -0.5f));
    const float y = h / (h + 1);
    return copysignf(a > 10 ? 1 : y, x);
}

ARN_INLINE double arn_tanh(double x)
{
    const double round = 0x1.8p52 + 1023, a = fabs(x);
    const double t = fma(a, 0x1.71547652b82fep+1, round), n = t - round;
    const double r = fma(n, -0x1.62e42fefa39efp-2, a), rest = n * -0x1.abc9e3b39803fp-57;
    const double r2 = r * r, r4 = r2 * r2;
    const double q0 = fma(r, 0x1.5555555555559p-1, 1);
    const double q2 = fma(r, 0x1.111111110f6a9p-3, 0x1.555555555553ep-2);
    const double q4 = fma(r, 0x1.a01a01afe9bd8p-7, 0x1.6c16c16c1f162p-5);
    const double q6 = fma(r, 0x1.71ddf841c54d2p-11, 0x1.a01a017b95e3bp-9);
    const double q8 = fma(r, 0x1.af5ee8b9b3670p-16, 0x1.27e5366059c02p-13);
    const double high = fma(fma(0x1.1ee88720a8b9fp-18, r2, q8), r4, fma(q6, r2, q4));
    const double q = fma(high, r4, fma(q2, r2, q0));
    const double p = r + fma(q, r2, rest);
    const double s = arn_double(arn_bits_double(t) << 52);
    const double h = fma(p, s, fma(s, 0.5, -0.5));
    const double y = h / (h + 1);
    return copysign(a > 20 ? 1 : y, x);
}

#define expf arn_expf
#define tanh arn_tanh
#define tanhf arn_tanhf

#endif
