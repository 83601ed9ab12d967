// Major types of RFC 8949, section 3.1.
export const MAJOR = { uint: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5 } as const;
// Whole head bytes: tags 2 and 3 (bignums), the simple values and float64.
export const HEAD = { positiveBignum: 0xc2, negativeBignum: 0xc3, false: 0xf4, true: 0xf5, null: 0xf6, float64: 0xfb } as const;
export const UINT32_SPAN: number = 0x1_0000_0000;
