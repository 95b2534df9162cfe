// The files that a run gave back: pictures are shown, all can be downloaded.
import type { CollectedFile, InputFile } from "../common/api";
import { element } from "../common/dom";
import { bytes } from "../common/format";
import { toBytes } from "./bytes";

// As data, so that a picture which holds a script has no origin, even when it is opened on its own.
const PICTURES: Record<string, string> = {
  png: "image/png", jpg: "image/jpeg", jpeg: "image/jpeg", gif: "image/gif", webp: "image/webp", svg: "image/svg+xml", bmp: "image/bmp", avif: "image/avif",
}; // prettier-ignore

let urls: string[] = [];

function download(file: CollectedFile, content: string): HTMLAnchorElement {
  // a type that no browser opens as a page of this origin
  const url = URL.createObjectURL(new Blob([toBytes(content)], { type: "application/octet-stream" }));
  urls.push(url);
  const name = file.path.slice(file.path.lastIndexOf("/") + 1);
  return element("a", { href: url, download: name }, file.path);
}

/** What there is of a file: a link to its contents, its size, or why it is not here. */
function describe(file: CollectedFile): (Node | string)[] {
  const what = file.content_base64 !== undefined ? download(file, file.content_base64) : file.path;
  const why = file.omitted !== undefined ? ` (${file.omitted})` : "";
  return [what, element("span", { className: "quiet" }, ` ${bytes(file.size)}${why}`)];
}

function show(file: CollectedFile): HTMLElement {
  const type = PICTURES[file.path.slice(file.path.lastIndexOf(".") + 1).toLowerCase()];
  if (type === undefined || file.content_base64 === undefined) return element("li", {}, ...describe(file));
  const image = element("img", { src: `data:${type};base64,${file.content_base64}`, alt: `The picture ${file.path}` });
  return element("li", {}, element("figure", {}, image, element("figcaption", {}, ...describe(file))));
}

function sameContent(given: InputFile, back: CollectedFile): boolean {
  if (back.content_base64 === undefined) return false;
  if (given.content_base64 !== undefined) return given.content_base64 === back.content_base64;
  const bytesGiven = new TextEncoder().encode(given.content ?? "");
  const bytesBack = toBytes(back.content_base64);
  return bytesGiven.length === bytesBack.length && bytesGiven.every((byte, i) => byte === bytesBack[i]);
}

/** Files that came back as they were given are no news. */
export function showCollected(host: HTMLElement, files: CollectedFile[], given: InputFile[]): void {
  for (const url of urls) URL.revokeObjectURL(url);
  urls = [];
  const news = files.filter((file) => !given.some((input) => input.path === file.path && sameContent(input, file)));
  host.hidden = news.length === 0;
  host.replaceChildren();
  if (news.length === 0) return;
  host.append(element("h2", {}, "Files"), element("ul", {}, ...news.map(show)));
}
