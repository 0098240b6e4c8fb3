#include "textflag.h"

// Each function executes 48 groups of independent instructions in each turn: they write
// 12 registers in turn and read others. Beside SHA-256 there are 128-bit registers only:
// switching between old and new forms of instructions costs hundreds of cycles. SI points to memory for loads and stores.

#define BEGIN(name) \
TEXT name(SB), NOSPLIT, $0-16; \
	MOVQ turns+0(FP), CX; \
	MOVQ memory+8(FP), SI; \
	MOVQ $3, R8; \
loop:

#define END \
	DECQ CX; \
	JNZ loop; \
	VZEROUPPER; \
	RET

#define TWELVE(op) op(X1, Y1, Z1) op(X2, Y2, Z2) op(X3, Y3, Z3) op(X4, Y4, Z4) op(X5, Y5, Z5) op(X6, Y6, Z6) op(X7, Y7, Z7) op(X8, Y8, Z8) op(X9, Y9, Z9) op(X10, Y10, Z10) op(X11, Y11, Z11) op(X12, Y12, Z12)
#define GROUPS(op) TWELVE(op) TWELVE(op) TWELVE(op) TWELVE(op)

#define ADD(x, y, z) VPADDD Y13, Y14, y;

BEGIN(·add)
	GROUPS(ADD)
	END

#define LOGIC(x, y, z) VPXOR Y13, Y14, y;

BEGIN(·logic)
	GROUPS(LOGIC)
	END

#define SHIFT(x, y, z) VPSRLD $7, Y13, y;

BEGIN(·shift)
	GROUPS(SHIFT)
	END

#define SHUFFLE(x, y, z) VPSHUFB Y13, Y14, y;

BEGIN(·shuffle)
	GROUPS(SHUFFLE)
	END

#define INSERT(x, y, z) VINSERTI128 $1, (SI), Y14, y;

BEGIN(·insert)
	GROUPS(INSERT)
	END

#define TOVECTOR(x, y, z) VMOVD R8, x;

BEGIN(·toVector)
	GROUPS(TOVECTOR)
	END

#define FROMVECTOR(x, y, z) VMOVMSKPS Y13, R9;

BEGIN(·fromVector)
	GROUPS(FROMVECTOR)
	END

#define LOAD(x, y, z) VMOVDQU (SI), y;

BEGIN(·load)
	GROUPS(LOAD)
	END

#define STORE(x, y, z) VMOVDQU Y13, (SI);

BEGIN(·store)
	GROUPS(STORE)
	END

#define RNDS2(x, y, z) SHA256RNDS2 X0, X13, x;

BEGIN(·rnds2)
	GROUPS(RNDS2)
	END

#define MSG1(x, y, z) SHA256MSG1 X13, x;

BEGIN(·msg1)
	GROUPS(MSG1)
	END

#define MSG2(x, y, z) SHA256MSG2 X13, x;

BEGIN(·msg2)
	GROUPS(MSG2)
	END

#define SHIFTSHUFFLE(x, y, z) VPSRLD $7, Y13, y; VPSHUFB Y13, Y14, y;

BEGIN(·shiftShuffle)
	GROUPS(SHIFTSHUFFLE)
	END

#define LOGICSHIFT(x, y, z) VPXOR Y13, Y14, y; VPSRLD $7, Y13, y; VPXOR Y13, Y14, y; VPSRLD $7, Y13, y;

BEGIN(·logicShift)
	GROUPS(LOGICSHIFT)
	END

#define RNDS2ADD(x, y, z) SHA256RNDS2 X0, X13, x; VPADDD X13, X14, x; VPADDD X13, X14, x; VPADDD X13, X14, x; VPADDD X13, X14, x; VPADDD X13, X14, x; VPADDD X13, X14, x; VPADDD X13, X14, x;

BEGIN(·rnds2Add)
	GROUPS(RNDS2ADD)
	END

#define RNDS2SHIFT(x, y, z) SHA256RNDS2 X0, X13, x; VPSRLD $7, X13, x; VPSRLD $7, X13, x;

BEGIN(·rnds2Shift)
	GROUPS(RNDS2SHIFT)
	END

#define MSG1SHIFT(x, y, z) SHA256MSG1 X13, x; VPSRLD $7, X13, x; VPSRLD $7, X13, x;

BEGIN(·msg1Shift)
	GROUPS(MSG1SHIFT)
	END

#define MSG2ADD(x, y, z) SHA256MSG2 X13, x; VPADDD X13, X14, x; VPADDD X13, X14, x; VPADDD X13, X14, x; VPADDD X13, X14, x; VPADDD X13, X14, x; VPADDD X13, X14, x;

BEGIN(·msg2Add)
	GROUPS(MSG2ADD)
	END

#define MSG2RNDS2(x, y, z) SHA256MSG2 X13, x; SHA256RNDS2 X0, X13, x; SHA256RNDS2 X0, X13, x;

BEGIN(·msg2Rnds2)
	GROUPS(MSG2RNDS2)
	END

#define ADD512(x, y, z) VPADDD Z13, Z14, z;

BEGIN(·add512)
	GROUPS(ADD512)
	END

#define TERNLOG512(x, y, z) VPTERNLOGD $0x96, Z13, Z14, z;

BEGIN(·ternlog512)
	GROUPS(TERNLOG512)
	END

#define ROTATE512(x, y, z) VPRORD $7, Z13, z;

BEGIN(·rotate512)
	GROUPS(ROTATE512)
	END

#define SHIFT512(x, y, z) VPSRLD $7, Z13, z;

BEGIN(·shift512)
	GROUPS(SHIFT512)
	END

#define SHUFFLE512(x, y, z) VPUNPCKLDQ Z13, Z14, z;

BEGIN(·shuffle512)
	GROUPS(SHUFFLE512)
	END

#define LOAD512(x, y, z) VMOVDQU32 (SI), z;

BEGIN(·load512)
	GROUPS(LOAD512)
	END

#define STORE512(x, y, z) VMOVDQU32 Z13, (SI);

BEGIN(·store512)
	GROUPS(STORE512)
	END

#define ROTATESHIFT512(x, y, z) VPRORD $7, Z13, z; VPSRLD $7, Z13, z;

BEGIN(·rotateShift512)
	GROUPS(ROTATESHIFT512)
	END
