/* Elementary functions that loops compute inline: plain IEEE operations without branches, so that a
   loop's vectors and its last turns give the same bits, whatever the chunk or the vector's width.

   All reduce the argument with fma() and add up a polynomial; the coefficients are minimax fits
   (Remez's algorithm with mpmath, 50 digits), rounded. Polynomials are split by powers of r*r:
   chains of operations, each waiting for the one before, would leave the processor idle.
   Largest errors, in units in the last place: exp 1.2, tanh 1.9. */

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

/* exp(x) = 4^k exp(r), |r| <= log(2), and exp(r) = (1 + w/2)^2 with w = 2 expm1(r/2): the root
   needs fewer terms. 4^k is two factors 2^k, the last of which overflows or underflows as it ought
   to. Adding `round` leaves the exponent of 2^k in the lowest bits; where they are too few, the
   result is not used. */

ARN_INLINE float arn_expf(float x)
{
    const float round = 0x1.8p23f + 127;
    const float t = fmaf(x, 0x1.715476p-1f, round), k = t - round;
    const float r = fmaf(k, 0x1.05c61p-28f, fmaf(k, -0x1.62e43p+0f, x)), r2 = r * r;
    const float q0 = fmaf(r, 0x1.555492p-5f, 0x1.fffffcp-3f);
    const float q1 = fmaf(fmaf(r, 0x1.6a24p-15f, 0x1.123a1ep-11f), r, 0x1.5558f2p-8f);
    const float w = fmaf(fmaf(q1, r2, q0), r2, r);
    const float s = arn_float(arn_bits_float(t) << 23);
    const float y = fmaf(w * s, fmaf(w, 0.25f, 1), s) * s;
    const float below = x > 89 ? INFINITY : y;
    return x < -104 ? 0 : below;
}

ARN_INLINE double arn_exp(double x)
{
    const double round = 0x1.8p52 + 1023;
    const double t = fma(x, 0x1.71547652b82fep-1, round), k = t - round;
    const double r = fma(k, -0x1.abc9e3b39803fp-55, fma(k, -0x1.62e42fefa39efp+0, x));
    const double r2 = r * r, r4 = r2 * r2;
    const double q0 = fma(r, 0x1.5555555555558p-5, 0x1.0000000000009p-2);
    const double q2 = fma(r, 0x1.111111110f7efp-11, 0x1.55555555503a0p-8);
    const double q4 = fma(r, 0x1.a01a01b015fc1p-19, 0x1.6c16c18611db9p-15);
    const double q6 = fma(r, 0x1.71ddf69834cdap-27, 0x1.a019938664e2bp-23);
    const double q8 = fma(r, 0x1.af635f16ead2dp-36, 0x1.28b43b4f111dbp-31);
    const double q = fma(fma(q8, r4, fma(q6, r2, q4)), r4, fma(q2, r2, q0));
    const double w = fma(q, r2, r);
    const double s = arn_double(arn_bits_double(t) << 52);
    const double y = fma(w * s, fma(w, 0.25, 1), s) * s;
    const double below = x > 710 ? INFINITY : y;
    return x < -746 ? 0 : below;
}

/* tanh(x) = h / (h + 1) with h = expm1(2 x) / 2 = 2^n p + (2^n - 1) / 2, 2 x = n log(2) + 2 r,
   p = expm1(2 r) / 2. Of log(2) single precision needs one part: for n > 0 tanh changes less than
   x does. */

ARN_INLINE float arn_tanhf(float x)
{
    const float round = 0x1.8p23f + 127, a = fabsf(x);
    const float t = fmaf(a, 0x1.715476p+1f, round), n = t - round;
    const float r = fmaf(n, -0x1.62e43p-2f, a), r2 = r * r;
    const float q0 = fmaf(r, 0x1.5554b0p-1f, 0x1.fffffep-1f);
    const float q1 = fmaf(fmaf(r, 0x1.6be718p-5f, 0x1.1227fep-3f), r, 0x1.55567cp-2f);
    const float p = fmaf(fmaf(q1, r2, q0), r2, r);
    const float s = arn_float(arn_bits_float(t) << 23);
    const float h = fmaf(p, s, fmaf(s, 0.5f, -0.5f));
    const float y = h / (h + 1);
    return copysignf(a > 10 ? 1 : y, x);
}

ARN_INLINE double arn_tanh(double x)
{
    const double round = 0x1.8p52 + 1023, a = fabs(x);
    const double t = fma(a, 0x1.71547652b82fep+1, round), n = t - round;
    const double r = fma(n, -0x1.abc9e3b39803fp-57, fma(n, -0x1.62e42fefa39efp-2, a));
    const double r2 = r * r, r4 = r2 * r2;
    const double q0 = fma(r, 0x1.5555555555539p-1, 0x1.0000000000005p+0);
    const double q2 = fma(r, 0x1.11111111190d1p-3, 0x1.555555555225dp-2);
    const double q4 = fma(r, 0x1.a01a0174c1993p-7, 0x1.6c16c17ef4f9ap-5);
    const double q6 = fma(r, 0x1.71de88870d978p-11, 0x1.a019a71dcd013p-9);
    const double q8 = fma(r, 0x1.ae6b4f9884b54p-16, 0x1.28a2359b33a49p-13);
    const double q = fma(fma(q8, r4, fma(q6, r2, q4)), r4, fma(q2, r2, q0));
    const double p = fma(q, r2, r);
    const double s = arn_double(arn_bits_double(t) << 52);
    const double h = fma(p, s, fma(s, 0.5, -0.5));
    const double y = h / (h + 1);
    return copysign(a > 20 ? 1 : y, x);
}

#define exp arn_exp
#define expf arn_expf
#define tanh arn_tanh
#define tanhf arn_tanhf

#endif
