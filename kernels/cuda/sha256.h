// SHA-256 (FIPS 180-4) for the kernels, with the work spread over two pipes.
#ifndef STELE_SHA256_H
#define STELE_SHA256_H

#define ROUND_CONSTANTS                                                                              \
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, \
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, \
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, \
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, \
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, \
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, \
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, \
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2

// Only read with constant indices, after the loops are unrolled.
static CONSTANT u32 K[64] = { ROUND_CONSTANTS };
static CONSTANT u32 IV[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

// number is an int that is known when a function is compiled.
template <int N> struct number {
	static constexpr int value = N;
};

// unroll calls f with number<First> to number<Last>.
template <int First, int Last, class F> static DEVICE void unroll(F f)
{
	f(number<First>());
	if constexpr (First < Last)
		unroll<First + 1, Last>(f);
}

// spread reports whether use n is among those that move: share of every of uses,
// evenly spread.
static constexpr bool spread(int n, int share, int of) { return (n + 1) * share / of != n * share / of; }

// arithmetic is the arithmetic of a variant: how many of 100 adds, 100 shifts and
// 1000 rotates of the message schedule move from the ALU to the FMA pipe. Each
// small sigma has two rotates: above 1000 the second ones move too. The template
// argument N numbers the uses.
template <int Adds, int Shifts, int Rotates> struct arithmetic {
	const struct moved &m;

	template <int N> DEVICE u32 add(u32 a, u32 b) const { return spread(N, Adds, 100) ? mad_lo(a, m.one, b) : a + b; }

	// rotate by n, where power is 2^(32-n).
	template <int n, bool move> static DEVICE u32 rotate(u32 x, u32 power)
	{
		return move ? mad_lo(x, power, mul_hi(x, power)) : ror(x, n);
	}
	template <int n, bool move> static DEVICE u32 shift(u32 x, u32 power) { return move ? mul_hi(x, power) : x >> n; }

	template <int N> static constexpr bool first = spread(N, Rotates < 1000 ? Rotates : 1000, 1000);
	template <int N> static constexpr bool second = spread(N, Rotates < 1000 ? 0 : Rotates - 1000, 1000);

	// The small sigmas of the schedule.
	template <int N> DEVICE u32 s0(u32 x) const
	{
		return rotate<7, first<N>>(x, m.p25) ^ rotate<18, second<N>>(x, m.p14) ^ shift<3, spread(N, Shifts, 100)>(x, m.p29);
	}
	template <int N> DEVICE u32 s1(u32 x) const
	{
		return rotate<17, first<N>>(x, m.p15) ^ rotate<19, second<N>>(x, m.p13) ^ shift<10, spread(N, Shifts, 100)>(x, m.p22);
	}

	// The big sigmas without their last rotate, which is written next to an add.
	static DEVICE u32 S0(u32 x) { return x ^ ror(x, 11) ^ ror(x, 20); } // by 2
	static DEVICE u32 S1(u32 x) { return x ^ ror(x, 5) ^ ror(x, 19); }  // by 6
	static DEVICE u32 ch(u32 e, u32 f, u32 g) { return (e & f) | (~e & g); }
	static DEVICE u32 maj(u32 a, u32 b, u32 c) { return (a & b) | (a & c) | (b & c); }

	// round does a round on the state s; hkw is h + K + W. s is indexed by the
	// round, so that no word moves. Without full only e is computed.
	template <int t, bool full> DEVICE void round(u32 s[8], u32 hkw) const
	{
#define AT(i) s[((i) - t) & 7]
		u32 t1 = ror(S1(AT(4)), 6) + add<4 * t>(hkw, ch(AT(4), AT(5), AT(6)));
		u32 t2 = full ? ror(S0(AT(0)), 2) + add<4 * t + 1>(maj(AT(0), AT(1), AT(2)), t1) : 0;
		AT(3) = add<4 * t + 2>(AT(3), t1);
		AT(7) = t2;
#undef AT
	}

	// word computes W[t] in a ring of 16.
	template <int t> DEVICE u32 word(u32 w[16]) const
	{
		u32 x = add<4 * t>(s0<t>(w[(t - 15) & 15]), w[t & 15]);
		u32 y = add<4 * t + 1>(s1<t>(w[(t - 2) & 15]), w[(t - 7) & 15]);
		return w[t & 15] = add<4 * t + 2>(x, y);
	}
};

// compress does all rounds of the block w on the state s.
template <class A> static DEVICE void compress(const A &a, u32 w[16], u32 s[8])
{
	u32 r[8];
#pragma unroll
	for (int i = 0; i < 8; i++)
		r[i] = s[i];
	unroll<0, 63>([&](auto index) {
		constexpr int t = index.value;
		if constexpr (t >= 16)
			a.template word<t>(w);
		u32 hk = a.template add<4 * t + 2>(r[(7 - t) & 7], K[t]);
		a.template round<t, true>(r, a.template add<4 * t + 3>(hk, w[t & 15]));
	});
#pragma unroll
	for (int i = 0; i < 8; i++)
		s[i] += r[i];
}

#endif
