/* Opens the trials behind the numbers of a report. All data lies in this file, deflated, in blocks
   (reporting/page_pack.py says in which form); nothing is ever fetched. What is shown is in the
   address after `#/`: trials?arm=..., trial?id=..., pair?a=...&b=... Texts of a run reach the page
   through textContent only. */
"use strict";
(() => {
  const report = document.getElementById("frame");
  const viewer = document.getElementById("viewer");
  const PAGE = 100;
  const opened = new Map();
  let index = null;
  let place = 0;

  /* ---------- data ---------- */

  async function block(number) {
    if (!opened.has(number)) {
      if (opened.size > 24) opened.delete([...opened.keys()].find((key) => key !== 0));
      opened.set(number, inflate(document.getElementById(`block-${number}`).textContent));
    }
    return opened.get(number);
  }

  async function inflate(text) {
    const raw = atob(text);
    const bytes = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  }

  async function load() {
    if (index) return;
    index = await block(0);
    const { columns, words } = index;
    index.rows = columns.id.map((id, i) => {
      const dataset = words.dataset[columns.dataset[i]];
      const scores = Object.fromEntries(index.scorers.map((name, k) => [name, columns.scores[i][k]]));
      return {
        i, id, dataset, scores, score: scores[index.primary[dataset]] ?? null,
        arm: words.arm[columns.arm[i]], case: words.case[columns.case[i]],
        category: words.category[columns.category[i]], status: words.status[columns.status[i]],
        reason: words.reason[columns.reason[i]], seeds: columns.seeds[i], tokens: columns.tokens[i],
        lost: columns.lost[i].map((k) => words.fate[k]), at: columns.at[i], reply: columns.reply[i],
        question: index.questions[columns.case[i]],
      };
    });
    index.byId = new Map(index.rows.map((row) => [row.id, row]));
  }

  /* A value by its number: `starts` say with which number each block begins. */
  async function value(kind, number) {
    const starts = index.blocks[kind];
    let low = 0, high = starts.length - 1;
    while (low < high - 1) {
      const middle = (low + high) >> 1;
      if (starts[middle] <= number) low = middle; else high = middle;
    }
    const { texts, values } = index.blocks;
    const first = { texts: 1, values: texts.length, trials: texts.length + values.length - 1 }[kind];
    const told = await block(first + low);
    if (kind === "values") settle(told);
    return told[number - starts[low]];
  }

  /* Make the distances between texts, which a block of values tells, numbers of texts; once. */
  function settle(values) {
    if (values.settled) return;
    values.settled = true;
    let last = 0;
    (function walk(told) {
      if (told === null || typeof told !== "object") return;
      if ("$" in told) told.$ = last += told.$;
      else for (const each of Array.isArray(told) ? told : Object.values(told)) walk(each);
    })(values);
  }

  /* A message, reply or case with its texts. */
  async function text(number) {
    return full(await value("values", number));
  }

  async function full(told) {
    if (Array.isArray(told)) return Promise.all(told.map(full));
    if (told === null || typeof told !== "object") return told;
    if ("$" in told) return value("texts", told.$);
    return Object.fromEntries(await Promise.all(Object.entries(told).map(async ([key, each]) => [key, await full(each)])));
  }

  async function trial(row) {
    if (row.at < 0) return null;
    const told = structuredClone(await value("trials", row.at));
    const columns = Object.entries(told.steps);
    told.steps = Array.from({ length: told.count }, (_, n) => Object.fromEntries(columns.map(([name, each]) => [name, each[n]])));
    const before = {};
    const olds = [0, 0, 0, 0];
    let fresh = told.first;
    const number = (piece, slot) => (piece === 0 ? fresh++ : (olds[slot] += piece[0]));
    told.steps.forEach((step, n) => {
      const last = before[step.thread] ?? { window: [], number: 0 };
      step.as = last.number;
      step.pieces = step.window.map((piece) => (piece.length === 2
        ? { same: true, numbers: last.window.slice(piece[0], piece[0] + piece[1]) }
        : { same: false, numbers: [number(piece, 3)] }));
      step.window = step.pieces.flatMap((piece) => piece.numbers);
      [step.reply, step.calls, step.tools] = step.parts.map(number);
      before[step.thread] = { window: step.window, number: n + 1 };
    });
    told.case = await text(told.case);
    for (const name of Object.keys(told.items)) told.items[name] = await text(told.items[name]);
    return told;
  }

  /* ---------- small pieces of page ---------- */

  function make(name, attributes, ...children) {
    const node = document.createElement(name);
    for (const [key, told] of Object.entries(attributes ?? {})) {
      if (key === "css") node.className = told;
      else if (key.startsWith("on")) node.addEventListener(key.slice(2), told);
      else if (told === true) node.setAttribute(key, "");
      else if (told !== false && told != null) node.setAttribute(key, told);
    }
    node.append(...children.flat().filter((child) => child != null && child !== ""));
    return node;
  }

  function address(view, wanted) {
    const told = [...new URLSearchParams(wanted)].filter(([, word]) => word);
    return `#/${view}${told.length ? "?" : ""}${new URLSearchParams(told)}`;
  }

  const points = (score) => (score == null ? "–" : (100 * score).toFixed(score === 0 || score === 1 ? 0 : 1));
  const whole = (n) => Math.round(n).toLocaleString("en");

  function mark(row) {
    const [sign, css, words] = row.status !== "done" ? ["!", "bad", row.status]
      : row.score === 1 ? ["✓", "right", "right"]
      : row.score === 0 ? ["✗", "wrong", "wrong"] : ["◐", "part", `score ${points(row.score)}`];
    return make("span", { css: `mark ${css}`, title: words, "aria-label": words, role: "img" }, sign);
  }

  function facts(pairs) {
    const rows = pairs.filter(([, told]) => told != null && told !== "")
      .map(([name, told]) => make("div", null, make("dt", null, name), make("dd", null, told)));
    return make("dl", { css: "asked" }, rows);
  }

  function show(title, where, ...children) {
    viewer.replaceChildren(where, make("h1", null, title), ...children.flat());
    document.title = title;
  }

  /* ---------- the list of trials ---------- */

  const RESULTS = { right: (r) => r.score === 1, wrong: (r) => r.score === 0,
    partly: (r) => r.score != null && r.score > 0 && r.score < 1 };

  function matching(wanted) {
    const words = (wanted.get("q") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const is = (name) => wanted.get(name) || "";
    return index.rows.filter((row) =>
      (!is("arm") || row.arm === is("arm")) && (!is("dataset") || row.dataset === is("dataset")) &&
      (!wanted.has("category") || is("category") === "" || row.category === is("category")) &&
      (!is("result") || RESULTS[is("result")]?.(row)) &&
      (!is("status") || (is("status") === "bad" ? row.status !== "done" : row.status === is("status"))) &&
      (!is("fate") || row.lost.includes(is("fate"))) && words.every((word) => hay(row).includes(word)));
  }

  function hay(row) {
    row.hay ??= [row.id, row.arm, row.case, row.question, row.reply, row.reason].join(" ").toLowerCase();
    return row.hay;
  }

  function choice(name, label, options, wanted) {
    const select = make("select", { name, onchange: () => refine(name, select.value) },
      [["", "all"], ...options].map(([told, shown]) => make("option", { value: told, selected: wanted.get(name) === told }, shown)));
    return make("label", null, label, select);
  }

  function refine(name, told) {
    const wanted = new URLSearchParams(location.hash.split("?")[1] ?? "");
    if (told) wanted.set(name, told); else wanted.delete(name);
    history.replaceState(null, "", address("trials", wanted));
    list(wanted);
  }

  const pairs = (words) => words.map((word) => [word, word]);

  function list(wanted) {
    const rows = matching(wanted);
    const { words } = index;
    const sorted = [...(words.category ?? [])].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    if (viewer.dataset.view !== "trials") {
      const search = make("input", { type: "search", name: "q", value: wanted.get("q") ?? "",
        placeholder: "question, reply, case, id", oninput: () => refine("q", search.value) });
      show("Trials", crumbs([["Report", "#trials"]]), make("form", { css: "filters", onsubmit: (e) => e.preventDefault() },
        choice("arm", "Arm", pairs(words.arm ?? []), wanted),
        choice("dataset", "Dataset", pairs(words.dataset ?? []), wanted),
        choice("category", "Category", pairs(sorted), wanted),
        choice("result", "Result", pairs(Object.keys(RESULTS)), wanted),
        choice("status", "Status", [["bad", "not done"], ...pairs(words.status ?? [])], wanted),
        choice("fate", "A gold item was", pairs(words.fate ?? []), wanted),
        make("label", null, "Text", search)), make("div", { id: "found", "aria-live": "polite" }));
      viewer.dataset.view = "trials";
    } else {
      for (const field of viewer.querySelectorAll("select,input")) {
        const told = wanted.get(field.name) ?? "";
        if (field.value !== told) field.value = told;
      }
    }
    const right = rows.filter(RESULTS.right).length;
    const many = `${whole(rows.length)} of ${whole(index.rows.length)} trials; ${whole(right)} right.`;
    const lines = make("ol", { css: "trials" });
    const more = make("button", { onclick: () => append() }, "Show more");
    let shown = 0;
    function append() {
      lines.append(...rows.slice(shown, shown + PAGE).map((row) => line(row, wanted)));
      shown += PAGE;
      more.hidden = shown >= rows.length;
    }
    append();
    document.getElementById("found").replaceChildren(make("p", { css: "small" }, many), lines, more);
  }

  function line(row, wanted) {
    const from = wanted.toString();
    const what = row.question || row.case;
    const told = row.status === "done" ? row.reply : `${row.status}: ${row.reason}`;
    return make("li", null, make("a", { href: address("trial", { id: row.id, ...(from ? { from } : {}) }) }, mark(row),
      make("span", { css: "who" }, row.arm, make("br"), make("small", null, `${row.dataset}${row.category ? ` · ${row.category}` : ""}`)),
      make("span", { css: "what" }, make("div", null, what), make("div", null, make("small", null, told ? `→ ${told}` : row.case))),
      make("span", { css: "n small" }, `${whole(row.tokens)} tok`)));
  }

  function crumbs(links, ...more) {
    return make("nav", { css: "crumbs", "aria-label": "Where this is" },
      links.map(([shown, to]) => make("a", { href: to }, shown)), make("span", { css: "spring" }), more);
  }

  /* ---------- one trial ---------- */

  async function one(wanted) {
    const row = index.byId.get(wanted.get("id"));
    if (!row) return show("No such trial in this page", crumbs([["Report", "#trials"], ["Trials", address("trials", {})]]));
    const told = await trial(row);
    const from = new URLSearchParams(wanted.get("from") ?? "");
    const rows = matching(from);
    const at = rows.indexOf(row);
    const beside = (shown, next, key) => make("a", { css: "button", rel: key, href: next && address("trial", { id: next.id, from }), hidden: !next }, shown);
    const steps = told ? told.steps.map((step, n) => stepOf(told, step, n, Number(wanted.get("step")) === n + 1)) : [];
    show(`${row.arm} on ${row.case}`,
      crumbs([["Report", "#trials"], [from.size ? "Trials found" : "Trials", address("trials", from)]],
        at >= 0 ? make("span", { css: "small" }, `${at + 1} of ${rows.length}`) : null,
        beside("← previous", rows[at - 1], "prev"), beside("next →", rows[at + 1], "next")),
      asked(row, told), fates(told), others(row),
      make("h2", null, told ? `${steps.length} step${steps.length === 1 ? "" : "s"}` : "Steps"),
      told ? make("p", { css: "small" }, make("mark", { css: "gold" }, "gold item"), " and ", make("mark", { css: "answer" }, "right answer"),
        " are marked where they stand in a context window word for word.")
        : make("p", null, "The steps of this trial are not in this page."), steps);
  }

  function asked(row, told) {
    const scores = Object.entries(row.scores).filter(([, s]) => s != null).map(([name, s]) => `${name} ${points(s)}`);
    const spent = told?.spent ?? {};
    return facts([
      ["Result", make("span", null, mark(row), ` ${row.status === "done" ? "" : `${row.status}: ${row.reason}. `}${scores.join(", ")}`)],
      ...Object.entries(told?.notes ?? {}).map(([name, note]) => [`Why ${name}`, note]),
      ["Question", row.question], ["Right", (told?.case.answers ?? []).join(" | ") || (told ? "to abstain" : "")],
      ["Known wrong", (told?.case.rejected ?? []).join(" | ")], ["Reply", told ? told.reply || "(nothing)" : row.reply],
      ["Category", row.category], ["Tokens", told ? `${whole(spent.prompt_tokens ?? 0)} in, ${whole(spent.completion_tokens ?? 0)} out, ${whole(spent.calls ?? 0)} calls` : whole(row.tokens)],
      ["Seeds", `ingest ${row.seeds.split(".")[0]}, answer ${row.seeds.split(".")[1]}, judge ${row.seeds.split(".")[2]}`],
      ["Trial", make("code", null, row.id)],
    ]);
  }

  function fates(told) {
    if (!told?.gold.length) return [];
    const lines = told.gold.map((gold) => make("li", null, make("b", null, gold.fate), gold.derived ? " (derived)" : "",
      gold.why ? `: ${gold.why}` : "", make("div", { css: "small" }, `${gold.item} · ${told.items[gold.item]?.text ?? ""}`)));
    return [make("h2", null, "What became of the gold items"), make("ul", { css: "fates" }, lines)];
  }

  function same(row) {
    return index.rows.filter((r) => r.case === row.case && r.dataset === row.dataset && r.seeds === row.seeds);
  }

  function others(row) {
    const links = same(row).filter((r) => r !== row)
      .map((r) => make("a", { css: "button", href: address("pair", { a: row.id, b: r.id }) }, mark(r), ` ${r.arm}`));
    return links.length ? [make("h2", null, "Beside another arm on the same case"), make("div", { css: "others" }, links)] : [];
  }

  /* ---------- steps and windows ---------- */

  function stepOf(told, step, number, open) {
    const body = make("div", { css: "body" });
    const node = make("details", { css: "step" }, make("summary", null,
      make("b", null, `${number + 1}. ${step.thread}`), make("span", { css: "small" },
        `${step.kind === "step" ? "" : `${step.kind}, `}${step.window.length} messages, ${whole(step.window_tokens || step.prompt_tokens)} tokens`),
      make("span", { css: "small calls" }), step.status && !["ok", "done"].includes(step.status) ? make("span", { css: "small" }, `${step.status} ${step.reason}`) : null), body);
    text(step.calls).then((calls) => {
      node.querySelector(".calls").textContent = calls.map((call) => `${call.tool}${call.ok ? "" : " (refused)"}`).join(", ");
    });
    let filled = false;
    async function fill() {
      if (filled) return;
      filled = true;
      body.replaceChildren(...await inside(told, step));
    }
    node.addEventListener("toggle", () => node.open && fill());
    if (open) node.open = true;
    return node;
  }

  async function inside(told, step) {
    const needles = wordsOf(told);
    const pieces = await Promise.all(step.pieces.map(async (piece) => {
      const messages = (await Promise.all(piece.numbers.map(text))).map((message) => messageOf(message, needles));
      return piece.same ? folded(messages, step.as) : messages;
    }));
    const [reply, calls, tools] = await Promise.all([text(step.reply), text(step.calls), text(step.tools)]);
    const times = Object.entries(step.times ?? {}).map(([part, ms]) => `${part} ${ms.toFixed(1)} ms`).join(", ");
    return [
      make("h4", null, `Context window: ${step.window.length} messages, ${whole(step.prompt_tokens)} tokens sent to ${step.model}`),
      ...pieces.flat(),
      make("h4", null, "Reply"), replyOf(reply, calls.length, needles),
      ...calls.length ? [make("h4", null, "Tool calls")] : [], ...calls.map((call) => callOf(call, needles)),
      make("p", { css: "small" }, `Tools offered: ${tools.join(", ") || "none"}. ${whole(step.completion_tokens)} tokens out, ${whole(step.cached_tokens)} cached, ${Math.round(100 * step.prefix)}% of the prompt as before.${times ? ` ${times}.` : ""}`),
    ];
  }

  function folded(messages, as) {
    if (messages.length < 2) return messages;
    const gold = messages.some((node) => node.querySelector("mark.gold")) ? ", gold among them" : "";
    return [make("details", { css: "same" }, make("summary", null, `${messages.length} messages as in step ${as}${gold}`), messages)];
  }

  function messageOf(message, needles) {
    const content = typeof message.content === "string" ? message.content
      : message.content == null ? "" : JSON.stringify(message.content, null, 1);
    const calls = (message.tool_calls ?? []).map(worded);
    const rest = Object.keys(message).filter((key) => !["role", "content", "tool_calls", "name", "tool_call_id"].includes(key));
    const told = [content, ...calls,
      ...rest.filter((key) => message[key] != null && message[key] !== "" && !(Array.isArray(message[key]) && !message[key].length)).map((key) => `${key}: ${JSON.stringify(message[key])}`)].filter(Boolean).join("\n");
    return make("div", { css: "message" }, make("div", { css: "role" }, message.role ?? "", message.name ? ` ${message.name}` : ""),
      make("pre", null, marked(told || "(empty)", needles)));
  }

  /* A tool call as the chat API writes it, or as a list of id, name and arguments. */
  function worded(call) {
    const [name, told] = Array.isArray(call) ? call.slice(1) : [call.function?.name ?? call.name, call.function?.arguments ?? call.arguments];
    return `${name}(${told ?? ""})`;
  }

  function replyOf(reply, called, needles) {
    const words = [reply.reasoning ? `[reasoning] ${reply.reasoning}` : "", reply.text ?? reply.content ?? ""].filter(Boolean);
    const asks = called ? [] : (reply.tool_calls ?? []).map(worded);
    const told = [...words, ...asks].join("\n") || (called ? "(no text, only the tool calls below)" : "(empty)");
    return make("div", { css: "message" }, make("div", { css: "role" }, "assistant"), make("pre", null, marked(told, needles)));
  }

  function callOf(call, needles) {
    return make("div", { css: "message" }, make("div", { css: "role" }, call.ok ? "call" : "refused"),
      make("pre", null, make("b", null, call.tool), `(${call.arguments})\n`, make("span", { css: "q" }, `${call.verb}${call.stores.length ? ` on ${call.stores.join(", ")}` : ""}\n`), marked(call.result, needles)));
  }

  /* What is marked: gold items word for word, also as JSON writes them; right answers. */
  function wordsOf(told) {
    const needles = [];
    for (const item of Object.values(told.items)) {
      needles.push(["gold", item.text], ["gold", JSON.stringify(item.text).slice(1, -1)]);
    }
    for (const answer of told.case.answers ?? []) if (String(answer).length > 2) needles.push(["answer", String(answer)]);
    return needles.filter(([, words]) => words);
  }

  function marked(told, needles) {
    const low = told.toLowerCase();
    const spans = [];
    for (const [css, words] of needles) {
      const needle = words.toLowerCase();
      for (let at = low.indexOf(needle); at >= 0 && spans.length < 400; at = low.indexOf(needle, at + needle.length)) spans.push([at, at + needle.length, css]);
    }
    if (!spans.length || low.length !== told.length) return [told];
    return pieces(told, spans.sort((a, b) => a[0] - b[0] || b[1] - a[1]), 0, told.length);
  }

  /* Spans as nested marks: an answer may stand within a gold item. */
  function pieces(told, spans, start, end) {
    const made = [];
    let at = start;
    for (let i = 0; i < spans.length; i++) {
      const [from, to, css] = spans[i];
      if (from < at || to > end) continue;
      const within = spans.slice(i + 1).filter((s) => s[0] >= from && s[1] <= to && s[2] !== css);
      made.push(told.slice(at, from), make("mark", { css }, pieces(told, within, from, to)));
      at = to;
    }
    made.push(told.slice(at, end));
    return made;
  }

  /* ---------- two arms on one case ---------- */

  async function pair(wanted) {
    const rows = [index.byId.get(wanted.get("a")), index.byId.get(wanted.get("b"))];
    if (rows.includes(undefined)) return show("No such trials in this page", crumbs([["Report", "#trials"]]));
    const [a, b] = await Promise.all(rows.map(trial));
    const picks = rows.map((row, side) => {
      const select = make("select", { "aria-label": side ? "right" : "left", onchange: () => {
        location.hash = address("pair", { a: side ? rows[0].id : select.value, b: side ? select.value : rows[1].id });
      } }, same(row).map((r) => make("option", { value: r.id, selected: r === row }, r.arm)));
      return make("div", { css: "pick" }, make("h2", null, mark(row), ` ${row.arm}`), same(row).includes(rows[1 - side]) ? select : null,
        make("p", { css: "small" }, make("a", { href: address("trial", { id: row.id }) }, "this trial alone")));
    });
    const sides = [a, b].map((told, side) => facts([["Reply", told ? told.reply || "(nothing)" : rows[side].reply],
      ["Gold", told?.gold.map((g) => `${g.item}: ${g.fate}`).join("; ")],
      ["Tokens", whole(rows[side].tokens)], ["Steps", told ? String(told.steps.length) : "not in this page"]]));
    const grid = make("div", { css: "pair" }, picks, sides);
    if (a && b) {
      const rounds = [a, b].map(inRounds);
      const differ = await first(...rounds);
      for (let n = 0; n < Math.max(...rounds.map((each) => each.length)); n++) {
        if (n === differ) grid.append(make("div", { css: "across" }, n ? "The same replies and calls up to here; now they part." : "They part at the first step: another reply, or other calls."));
        grid.append(...[a, b].map((told, side) => make("div", null, rounds[side][n]
          ? rounds[side][n].map((step) => stepOf(told, step, told.steps.indexOf(step), false)) : make("p", { css: "small" }, "(no more steps)"))));
      }
    }
    show(`${rows[0].arm} and ${rows[1].arm} on ${rows[0].case}`, crumbs([["Report", "#trials"], ["Trials", address("trials", { q: rows[0].case })]]),
      facts([["Question", rows[0].question], ["Right", (a ?? b)?.case.answers?.join(" | ")]]), grid);
  }

  /* Steps that stand in one row: a step of a thread with what went before it, such as evictions. */
  function inRounds(told) {
    const rounds = [];
    let open = [];
    for (const step of told.steps) {
      open.push(step);
      if (step.kind === "step") { rounds.push(open); open = []; }
    }
    return open.length ? [...rounds, open] : rounds;
  }

  /* The first row in which what was said or done is not the same. */
  async function first(left, right) {
    const told = (round) => Promise.all((round ?? []).filter((step) => step.kind === "step").map(async (step) => {
      const reply = await text(step.reply);
      return [step.thread, reply.text ?? reply.content ?? "", (reply.tool_calls ?? []).map(worded), await text(step.calls)];
    }));
    for (let n = 0; n < Math.max(left.length, right.length); n++) {
      if (JSON.stringify(await told(left[n])) !== JSON.stringify(await told(right[n]))) return n;
    }
    return -1;
  }

  /* ---------- which view ---------- */

  const title = document.title;
  const VIEWS = { trials: list, trial: one, pair };

  async function route() {
    const [, view, query] = /^#\/(\w+)\??(.*)$/.exec(location.hash) ?? [];
    const wasReport = viewer.hidden;
    if (!VIEWS[view]) {
      viewer.hidden = true;
      report.hidden = false;
      document.title = title;
      if (!wasReport) {
        const target = document.getElementById(location.hash.slice(1));
        if (place && location.hash === "#trials") scrollTo(0, place);
        else target?.scrollIntoView();
      }
      return;
    }
    if (wasReport) place = scrollY;
    report.hidden = true;
    viewer.hidden = false;
    viewer.setAttribute("aria-busy", "true");
    try {
      await load();
      if (view !== "trials") viewer.dataset.view = view;
      await VIEWS[view](new URLSearchParams(query));
      scrollTo(0, 0);
      viewer.querySelector("details[open]")?.scrollIntoView({ block: "start" });
      viewer.focus({ preventScroll: true });
    } catch (error) {
      const old = typeof DecompressionStream === "undefined" ? " This browser is too old: it cannot open deflated data." : "";
      show("This could not be opened", crumbs([["Report", "#trials"]]), make("p", null, `${error}.${old}`));
    }
    viewer.removeAttribute("aria-busy");
  }

  addEventListener("hashchange", route);
  addEventListener("keydown", (event) => {
    if (viewer.hidden || event.ctrlKey || event.metaKey || event.altKey || /INPUT|SELECT|TEXTAREA/.test(event.target.tagName)) return;
    const link = { ArrowLeft: 'a[rel="prev"]', k: 'a[rel="prev"]', ArrowRight: 'a[rel="next"]', j: 'a[rel="next"]' }[event.key];
    if (event.key === "Escape") location.hash = "#trials";
    else if (link) viewer.querySelector(`${link}:not([hidden])`)?.click();
  });
  route();
})();
