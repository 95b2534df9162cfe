// The editor: CodeMirror with Python, and a mark on the line that a run ended at.
//
// It lives in a shadow root: there its styles are a constructed style sheet, which needs no exception in the page's
// Content-Security-Policy, as <style> elements would.
import { autocompletion, closeBrackets, closeBracketsKeymap, closeCompletion, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { python } from "@codemirror/lang-python";
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { EditorState, Prec, StateEffect, StateField, type Extension, type Transaction } from "@codemirror/state";
import {
  Decoration, drawSelection, EditorView, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, keymap, lineNumbers,
  type DecorationSet,
} from "@codemirror/view"; // prettier-ignore
import { tags } from "@lezer/highlight";

export type Mark = "error" | "stopped";

const setMark = StateEffect.define<{ line: number; mark: Mark } | null>();

const marks = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(decorations, transaction) {
    let next = decorations.map(transaction.changes);
    for (const effect of transaction.effects) {
      if (!effect.is(setMark)) continue;
      const { doc } = transaction.state;
      next = Decoration.none;
      if (effect.value !== null && effect.value.line <= doc.lines)
        next = Decoration.set(
          Decoration.line({ class: `cm-mark-${effect.value.mark}` }).range(doc.line(effect.value.line).from),
        );
    }
    return next;
  },
  provide: (field) => EditorView.decorations.from(field),
});

// Colours are the page's variables, so that light and dark need no change here.
const highlighting = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.controlKeyword, tags.definitionKeyword, tags.moduleKeyword], color: "var(--code-keyword)" },
  { tag: [tags.string, tags.special(tags.string), tags.character], color: "var(--code-string)" },
  { tag: [tags.number, tags.bool, tags.null, tags.self], color: "var(--code-number)" },
  { tag: [tags.comment, tags.meta], color: "var(--code-comment)", fontStyle: "italic" },
  { tag: [tags.definition(tags.variableName), tags.function(tags.definition(tags.variableName))], color: "var(--code-name)" },
  { tag: [tags.function(tags.variableName), tags.function(tags.propertyName), tags.className], color: "var(--code-name)" },
  { tag: tags.invalid, color: "var(--bad)" },
]);

const theme = EditorView.theme({
  "&": { height: "100%", color: "var(--ink)", backgroundColor: "var(--surface)", fontSize: "var(--code-size)" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "-2px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55" },
  ".cm-content": { caretColor: "var(--ink)", padding: "10px 0" },
  ".cm-cursor, .cm-dropCursor": { borderLeftColor: "var(--ink)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "var(--selection)",
  },
  ".cm-gutters": { backgroundColor: "var(--surface)", color: "var(--muted)", border: "none" },
  ".cm-lineNumbers .cm-gutterElement": { paddingLeft: "14px", paddingRight: "10px" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--active-line)" },
  ".cm-activeLineGutter": { color: "var(--ink)" },
  ".cm-mark-error": { backgroundColor: "var(--bad-tint)", boxShadow: "inset 3px 0 var(--bad)" },
  ".cm-mark-stopped": { backgroundColor: "var(--warn-tint)", boxShadow: "inset 3px 0 var(--warn)" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--selection)" },
  ".cm-selectionMatch": { backgroundColor: "var(--active-line)" },
  ".cm-panels, .cm-tooltip": { backgroundColor: "var(--raised)", color: "var(--ink)", borderColor: "var(--line)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--on-accent)" },
  ".cm-textfield, .cm-button": { color: "inherit", background: "var(--surface)", border: "1px solid var(--line)" },
});

/** Text typed over a selection is put there by us: Chromium's own way carries the styles of what was there along, as style
 * attributes, which the page's policy forbids. */
const typedOver = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { from, to, empty } = view.state.selection.main;
    const text = event.data;
    if (event.inputType !== "insertText" || text === null || empty || view.composing) return false;
    event.preventDefault();
    const insert = (): Transaction => view.state.update(view.state.replaceSelection(text), { userEvent: "input.type", scrollIntoView: true });
    if (!view.state.facet(EditorView.inputHandler).some((handle) => handle(view, from, to, text, insert))) view.dispatch(insert());
    return true;
  },
});

export interface Editor {
  text(): string;
  setText(text: string): void;
  focus(): void;
  mark(line: number, mark: Mark): void;
  unmark(): void;
  /** Puts the cursor there, in view, with the focus. */
  goTo(line: number): void;
}

export function makeEditor(host: HTMLElement, text: string, onChange: () => void, run: () => void): Editor {
  const root = host.attachShadow({ mode: "open" });
  const runHere = (view: EditorView): boolean => {
    closeCompletion(view); // or the Escape that should stop the run would close that
    run();
    return true;
  };
  const extensions: Extension = [
    Prec.highest(keymap.of([{ key: "Mod-Enter", run: runHere }])),
    lineNumbers(),
    highlightSpecialChars(),
    history(),
    drawSelection(),
    indentUnit.of("    "),
    EditorState.tabSize.of(4),
    indentOnInput(),
    bracketMatching(),
    closeBrackets(),
    autocompletion(),
    highlightActiveLine(),
    highlightActiveLineGutter(),
    highlightSelectionMatches(),
    syntaxHighlighting(highlighting),
    keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...completionKeymap, indentWithTab]),
    python(),
    typedOver,
    marks,
    theme,
    EditorView.contentAttributes.of({ "aria-label": "Python program. Escape, then Tab, leaves the editor." }),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) onChange();
    }),
  ];
  const view = new EditorView({ state: EditorState.create({ doc: text, extensions }), root, parent: root });

  return {
    text: () => view.state.doc.toString(),
    setText(text) {
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text }, selection: { anchor: 0 }, effects: setMark.of(null) });
    },
    focus: () => view.focus(),
    mark: (line, mark) => view.dispatch({ effects: setMark.of({ line, mark }) }),
    unmark: () => view.dispatch({ effects: setMark.of(null) }),
    goTo(line) {
      const { doc } = view.state;
      const anchor = doc.line(Math.min(Math.max(line, 1), doc.lines)).from;
      view.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: "center" }) });
      view.focus();
    },
  };
}
