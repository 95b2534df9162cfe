// A link that holds the work itself, in the fragment: the browser keeps that part to itself, nobody stores it.
import { toBase64, toBytes } from "./bytes";
import { fromRequest, toRequest, type Work } from "./work";

const PREFIX = "#1,"; // names the format
const PLAIN_BYTES_MAX = 1 << 20; // of an unpacked link: a small one may unpack to anything
const LINK_LENGTH_MAX = 32 << 10; // what mail and chat programs still pass on

function toBase64Url(bytes: Uint8Array): string {
  return toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  return toBytes(text.replaceAll("-", "+").replaceAll("_", "/"));
}

async function readAll(stream: ReadableStream<Uint8Array>, most: number): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for (const reader = stream.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return new Uint8Array(await new Blob(chunks).arrayBuffer());
    chunks.push(new Uint8Array(value));
    size += value.length;
    if (size > most) throw new Error("too long");
  }
}

/** The fragment, "#" included; null: there is too much for a link. The key is no part of the work, so never of a link. */
export async function toFragment(work: Work): Promise<string | null> {
  const plain = new Blob([JSON.stringify(toRequest(work))]).stream();
  const packed = await readAll(plain.pipeThrough(new CompressionStream("deflate-raw")), Infinity);
  const fragment = PREFIX + toBase64Url(packed);
  return fragment.length <= LINK_LENGTH_MAX ? fragment : null;
}

/** The work in a fragment; null: there is none, or it is broken. */
export async function fromFragment(fragment: string): Promise<Work | null> {
  if (!fragment.startsWith(PREFIX)) return null;
  try {
    const packed = new Blob([fromBase64Url(fragment.slice(PREFIX.length))]).stream();
    const plain = await readAll(packed.pipeThrough(new DecompressionStream("deflate-raw")), PLAIN_BYTES_MAX);
    return fromRequest(JSON.parse(new TextDecoder().decode(plain)));
  } catch {
    return null;
  }
}
