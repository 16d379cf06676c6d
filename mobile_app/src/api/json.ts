/** JSON whose whole numbers past 2^53 arrive as texts instead of losing digits (typed data carries uint256). */
export function keepLargeIntegers(text: string): string {
  return text.replace(/"(?:\\.|[^"\\])*"|-?\d{16,}(?![\d.eE])/g, (found) =>
    found.startsWith('"') || Number.isSafeInteger(Number(found)) ? found : `"${found}"`,
  )
}
