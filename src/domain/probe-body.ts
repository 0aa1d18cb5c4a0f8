/**
 * The body of a health URL's answer: parsed JSON, or the text when it is none. Whole numbers that JavaScript's own would
 * round are BigInts, because a rule must not hold for a number that is only nearly the right one.
 */
export function parseProbeBody(text: string): unknown {
  // Some servers begin their JSON with a byte order mark.
  const body = text.replace(/^\ufeff/, '');
  try {
    const parsed: unknown = JSON.parse(body);
    return longNumber.test(body) ? withExactNumbers(body) : parsed;
  } catch {
    return body;
  }
}

/** More digits than 2^53 has, maybe in a string. */
const longNumber = /\d{16}/;

/** Marks long numbers where they stand, since `JSON.parse` tells nobody how a number was written. */
function withExactNumbers(json: string): unknown {
  const mark = '\ue000';
  // Either a whole string, which stays, or a number of 16 digits or more without fraction and exponent.
  const marked = json.replace(/"(?:[^"\\]+|\\.)*"|(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/gs, (token) =>
    token.startsWith('"') ? token.replaceAll(mark, '\ufffd') : `"${mark}${token}"`,
  );
  return JSON.parse(marked, (_key, value: unknown) => {
    if (typeof value !== 'string' || !value.startsWith(mark)) return value;
    const exact = BigInt(value.slice(mark.length));
    return Number.isSafeInteger(Number(exact)) ? Number(exact) : exact;
  });
}
