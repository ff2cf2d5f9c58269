(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("js");
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const element = (tag, text, className) => {
    const made = document.createElement(tag);
    if (text !== undefined && text !== null) made.textContent = text;
    if (className) made.className = className;
    return made;
  };

  const copyable = (text) => {
    const made = element("span", undefined, "copy");
    const button = element("button", "Copy");
    button.type = "button";
    button.setAttribute("aria-label", `Copy: ${text}`);
    const code = element("code", text, "command");
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(code);
        button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    made.append(code, " ", button);
    return made;
  };
  for (const code of document.querySelectorAll("main code.command")) code.replaceWith(copyable(code.textContent));

  const plain = (text) => text.toLowerCase();
  const digits = (text) => text.replace(/\D/g, "");
  const home = read("dialling");
  // A number that is typed: as stored, dialled from abroad (00), at home (0705…), with spaces or signs between; with a
  // star after it, only its beginning.
  const spell = (query) => {
    const typed = query.trim();
    const begins = typed.endsWith("*");
    const given = digits(typed);
    if (!/^\+?[\d\s().\/-]+\*?$/.test(typed) || given.length < (begins ? 1 : 3)) return null;
    const starts = [given];
    if (given.startsWith("00")) starts.push(given.slice(2));
    if (home.prefix && given.startsWith(home.prefix)) starts.push(home.code + given.slice(home.prefix.length));
    return { given, starts, begins };
  };
  const isNumber = (spelt, number) => (!spelt.begins && number.includes(spelt.given)) || spelt.starts.some((start) => number.startsWith(start));
  const address = {
    // A bare anchor, such as the skip link's, is no filter.
    isAnchor: () => location.hash.length > 1 && !location.hash.includes("="),
    read(usual) {
      const given = new URLSearchParams(this.isAnchor() ? "" : location.hash.slice(1));
      return Object.fromEntries(Object.entries(usual).map(([key, value]) => [key, given.has(key) ? given.get(key) : value]));
    },
    write(state, usual) {
      const kept = new URLSearchParams(this.isAnchor() ? "" : location.hash.slice(1));
      for (const [key, value] of Object.entries(state)) value === usual[key] ? kept.delete(key) : kept.set(key, value);
      const hash = kept.toString();
      history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
    },
  };
  const tally = (count, visible, name) => {
    const [shown, total] = [Number(count.dataset.shown), Number(count.dataset.total)];
    const all = (value) => value.toLocaleString("en");
    count.textContent = visible === total ? `${all(total)} ${name}`
      : `${all(visible)} of ${all(shown)} ${name}${shown < total ? ` on this page, ${all(total)} in all` : ""}`;
  };

  const listen = (voices) => {
    const recordings = [...voices.tBodies].map((body) => {
      const { id, label, channel } = body.dataset;
      return { body, id, label, channel, text: plain(body.textContent), digits: digits(body.rows[0].cells[4].textContent) };
    });
    const controls = Object.fromEntries(["text", "label", "channel", "reset"].map((name) => [name, document.getElementById(`v-${name}`)]));
    const usual = { rq: "", label: "", channel: "", heard: "" };
    const offers = (control, value) => [...control.options].some((option) => option.value === value);
    let state = { ...usual };

    const apply = () => {
      const words = plain(state.rq).split(/\s+/).filter(Boolean);
      const spelt = spell(state.rq);
      const open = new Set(state.heard.split(","));
      let visible = 0;
      for (const { body, id, label, channel, text, digits: number } of recordings) {
        const fits = (!state.label || label === state.label) && (!state.channel || channel === state.channel)
          && (words.every((word) => text.includes(word)) || (spelt !== null && isNumber(spelt, number)));
        body.hidden = !fits;
        visible += fits;
        if (!body.rows[1]) continue;
        body.classList.toggle("open", open.has(id));
        body.querySelector("button").setAttribute("aria-expanded", String(open.has(id)));
      }
      [controls.text.value, controls.label.value, controls.channel.value] = [state.rq, state.label, state.channel];
      tally(document.getElementById("v-count"), visible, "recordings");
      document.getElementById("v-nothing").hidden = visible > 0;
    };
    const change = (changes) => {
      state = { ...state, ...changes };
      apply();
      address.write(state, usual);
    };
    const toggle = (id) => {
      const open = new Set(state.heard.split(",").filter(Boolean));
      if (!open.delete(id)) open.add(id);
      change({ heard: [...open].join(",") });
    };

    for (const { body, id } of recordings) {
      if (!body.rows[1]) continue;
      const cell = body.rows[0].cells[0];
      const button = element("button", cell.textContent);
      button.type = "button";
      button.setAttribute("aria-label", `Recording ${cell.textContent}: evidence`);
      button.addEventListener("click", () => toggle(id));
      cell.replaceChildren(button);
    }
    controls.text.addEventListener("input", () => change({ rq: controls.text.value }));
    controls.label.addEventListener("change", () => change({ label: controls.label.value }));
    controls.channel.addEventListener("change", () => change({ channel: controls.channel.value }));
    controls.reset.addEventListener("click", () => change({ ...usual }));
    const tools = document.getElementById("v-tools");
    tools.addEventListener("submit", (event) => event.preventDefault());
    tools.hidden = false;
    const restore = () => {
      if (!address.isAnchor()) state = address.read(usual);
      for (const name of ["label", "channel"]) if (!offers(controls[name], state[name])) state[name] = "";
      apply();
    };
    window.addEventListener("hashchange", restore);
    restore();
  };
  const voices = document.getElementById("voices");
  if (voices) listen(voices);

  const table = document.getElementById("table");
  if (!table) return;
  const { alerts: evidence, parameters: rules } = read("evidence");
  const packed = read("calls");
  const ranks = { LOW: 1, MEDIUM: 2, HIGH: 3, CRITICAL: 4 };
  const number = (text) => { const value = parseFloat(text.replaceAll(",", "")); return Number.isNaN(value) ? -1 : value; };
  const parse = {
    id: number, severity: (text) => ranks[text.replace(/[^A-Z]/g, "")] || 0, suspect: plain, rule: plain, calls: number,
    destinations: number, average: number, first: plain, last: plain, review: plain,
  };
  const heads = [...table.tHead.rows[0].cells];
  const keys = heads.map((head) => head.dataset.key);
  const falling = new Set(["severity", "calls", "destinations", "last", "first"]);
  const alerts = [...table.tBodies].map((body, position) => {
    const cells = [...body.rows[0].cells];
    const id = body.dataset.id;
    const facts = evidence[id] || {};
    return {
      id, body, position, ...body.dataset, digits: digits(cells[2].textContent),
      text: plain([body.textContent, facts.n, facts.d].join(" ")),
      values: Object.fromEntries(keys.map((key, index) => [key, parse[key](cells[index].textContent.trim())])),
    };
  });

  const controls = Object.fromEntries(["text", "severity", "rule", "group", "opened", "reviewed", "sort", "reset"].map((name) => [name, document.getElementById(`f-${name}`)]));
  const chosen = ["severity", "rule", "group", "opened", "reviewed"];
  const tools = document.getElementById("tools");
  const count = document.getElementById("count");
  const nothing = document.getElementById("nothing");
  const usual = { q: "", severity: "", rule: "", group: "", opened: "", reviewed: "", sort: "-severity", open: "" };
  let state = { ...usual };

  const parseHash = () => {
    if (address.isAnchor()) return state;
    const next = address.read(usual);
    for (const name of chosen) if (![...controls[name].options].some((option) => option.value === next[name])) next[name] = "";
    if (!keys.includes(next.sort.replace("-", ""))) next.sort = usual.sort;
    return next;
  };

  const belongs = (alert, group) => {
    if (!group) return true;
    if (group === "none") return !alert.box && !alert.case;
    const [kind, id] = group.split("-");
    return alert[kind] === id;
  };
  const apply = () => {
    const key = state.sort.replace("-", "");
    const sign = state.sort.startsWith("-") ? -1 : 1;
    const compare = (a, b) => (a.values[key] < b.values[key] ? -sign : a.values[key] > b.values[key] ? sign : a.position - b.position);
    const words = plain(state.q).split(/\s+/).filter(Boolean);
    const spelt = spell(state.q);
    // A sender's name and a star: BANK*.
    const name = /^[a-z].*\*$/.test(plain(state.q).trim()) ? plain(state.q).trim().slice(0, -1) : null;
    const open = new Set(state.open.split(","));
    let visible = 0;
    const ordered = [...alerts].sort(compare);
    if (ordered.some((alert, place) => table.tBodies[place] !== alert.body)) table.append(...ordered.map((alert) => alert.body));
    for (const alert of ordered) {
      const fits = ["severity", "rule", "opened", "reviewed"].every((name) => !state[name] || alert[name] === state[name])
        && belongs(alert, state.group)
        && (words.every((word) => alert.text.includes(word)) || (spelt !== null && isNumber(spelt, alert.digits))
          || (name !== null && alert.values.suspect.startsWith(name)));
      alert.body.hidden = !fits;
      visible += fits;
      unfold(alert, open.has(alert.id));
    }
    heads.forEach((head) => {
      if (head.dataset.key === key) head.setAttribute("aria-sort", sign < 0 ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    controls.text.value = state.q;
    for (const name of chosen) controls[name].value = state[name];
    controls.sort.value = state.sort;
    tally(count, visible, "alerts");
    nothing.hidden = visible > 0;
  };
  const change = (changes) => {
    const focus = document.activeElement;
    state = { ...state, ...changes };
    apply();
    address.write(state, usual);
    if (focus && focus !== document.activeElement) focus.focus();
  };

  const unfold = (alert, open) => {
    const button = alert.body.querySelector("button");
    if (alert.body.classList.contains("open") === open) return;
    alert.body.classList.toggle("open", open);
    button.setAttribute("aria-expanded", String(open));
    const cell = alert.body.rows[1].cells[0];
    if (open && !cell.querySelector(".evidence")) cell.append(explain(evidence[alert.id], alert));
  };
  const toggle = (id) => {
    const open = new Set(state.open.split(",").filter(Boolean));
    if (!open.delete(id)) open.add(id);
    change({ open: [...open].join(",") });
  };

  const block = (title, ...content) => {
    const made = element("div", undefined, "block");
    made.append(element("h4", title), ...content);
    return made;
  };
  const grid = (caption, columns, rows, numeric) => {
    const made = element("table", undefined, columns ? "" : "keyed");
    made.append(element("caption", caption, "quiet"));
    if (columns) {
      const line = made.createTHead().insertRow();
      columns.forEach((column, index) => {
        const head = element("th", column, numeric.includes(index) ? "num" : "");
        head.scope = "col";
        line.append(head);
      });
    }
    const body = made.createTBody();
    for (const row of rows) {
      const line = body.insertRow();
      row.forEach((value, index) => {
        const cell = line.insertCell();
        if (numeric.includes(index)) cell.className = "num";
        cell.append(element("bdi", value));
      });
    }
    return made;
  };
  const spark = (times, from, to) => {
    const space = "http://www.w3.org/2000/svg";
    const counts = times.counts;
    const most = Math.max(1, ...counts);
    const peak = counts.indexOf(Math.max(...counts));
    const drawing = document.createElementNS(space, "svg");
    const unit = times.bucket_seconds === 3600 ? "hour" : `${Math.round(times.bucket_seconds / 360) / 10} h`;
    const said = `Calls per ${unit}: at most ${most}, in ${unit === "hour" ? "hour" : "part"} ${peak + 1} of ${counts.length}`;
    const attributes = { class: "spark", viewBox: `0 0 ${counts.length * 10} 40`, preserveAspectRatio: "none", role: "img", "aria-label": `${said}; ${counts.join(", ")}` };
    for (const [name, value] of Object.entries(attributes)) drawing.setAttribute(name, value);
    const put = (tag, values) => {
      const made = document.createElementNS(space, tag);
      for (const [name, value] of Object.entries(values)) made.setAttribute(name, value);
      drawing.append(made);
    };
    put("line", { x1: 0, x2: counts.length * 10, y1: 39.5, y2: 39.5 });
    counts.forEach((calls, index) => {
      const height = calls ? Math.max(1.5, (38 * calls) / most) : 0;
      put("rect", { x: index * 10 + 1, width: 8, y: 39 - height, height });
    });
    const ends = element("div", undefined, "ends");
    ends.append(element("span", from.slice(5, 16)), element("span", `peak ${most.toLocaleString("en")}`), element("span", to.slice(5, 16)));
    return [drawing, ends];
  };
  const unpack = async (text) => {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Response(stream).json();
  };
  const list = (calls) => {
    let moment = 0;
    return calls.t.map((step, place) => {
      moment += step;
      const when = new Date(moment * 1000).toISOString().slice(0, 19).replace("T", " ");
      const cell = calls.c[place];
      return [when, calls.n[place], calls.d[place].toLocaleString("en"), cell < 0 ? "–" : calls.p[cell]];
    });
  };
  const unroll = (id) => {
    const told = `sentinel-batch explain ${id} --calls calls-${id}.csv`;
    const made = block("Every call behind it");
    made.classList.add("every");
    if (packed[id]) {
      const button = element("button", "Show every call");
      button.type = "button";
      button.addEventListener("click", async () => {
        button.disabled = true;
        try {
          const rows = list(await unpack(packed[id]));
          const scroll = element("div", undefined, "scroll");
          scroll.tabIndex = 0;
          scroll.setAttribute("role", "region");
          scroll.setAttribute("aria-label", `Calls behind alert ${id}`);
          scroll.append(grid(`Calls behind alert ${id}`, ["Time", "To", "Seconds", "Cell"], rows, [2]));
          button.replaceWith(element("p", `${rows.length.toLocaleString("en")} calls`, "sub"), scroll);
        } catch (error) {
          button.replaceWith(element("p", "This browser cannot unpack them; the command writes them to a file.", "sub"));
          console.warn(error);
        }
      });
      made.append(button);
    }
    made.append(copyable(told), copyable(`sentinel-batch explain ${id}`), copyable(`sentinel-batch alerts review ${id} --disposition confirmed`));
    return made;
  };
  const explain = (facts, alert) => {
    if (!facts) {
      const without = element("div", undefined, "evidence");
      without.append(element("p", "This alert's evidence is in report.json; the page would have become too large."), unroll(alert.id));
      return without;
    }
    const cells = alert.body.rows[0].cells;
    const made = element("div", undefined, "evidence");
    const parameters = rules[facts.p];
    const limit = (name, words) => (parameters[name] === undefined ? "–" : words(parameters[name]));
    const figures = [
      ["Unique destinations", cells[5].textContent, limit("min_unique_destinations", (v) => `more than ${v}`)],
      ["Average duration", `${cells[6].textContent} s`, limit("max_avg_duration", (v) => `under ${v} s`)],
      ["Calls", cells[4].textContent, "–"],
    ];
    if (facts.g) figures.push(["Shortest / longest", `${facts.g.shortest.toLocaleString("en")} / ${facts.g.longest.toLocaleString("en")} s`, "–"], ["Calls of 0 s", facts.g.zero_seconds.toLocaleString("en"), "–"]);
    made.append(block("Figures against the rule", grid("Figures against the rule", ["", "Found", "Rule"], figures, [1, 2])));
    if (facts.k) made.append(block("What the rule measured", grid("What the rule measured", null, facts.k, [1])));
    const window_ = grid("Window", null, [["From", facts.w[0]], ["To", facts.w[1]]], []);
    if (facts.h && facts.g) made.append(block("Calls over the window", ...spark(facts.h, facts.w[0], facts.w[1]), window_));
    else made.append(block("Window", window_, element("p", "The calls behind this alert are no longer in the lake.", "sub")));
    if (facts.c) made.append(block("Most called", grid("Most called", ["Number", "Calls"], facts.c, [1])));
    const calls = facts.z.length ? [...facts.a, ["…", "", ""], ...facts.z] : facts.a;
    if (calls.length) made.append(block("First and last calls", grid("First and last calls", ["Time", "To", "Seconds"], calls, [2])));
    made.append(unroll(alert.id));
    const settings = Object.entries(parameters).map(([name, value]) => `${name} = ${value}`).join(", ") || "–";
    const origin = [["Rule", `${cells[3].textContent}, version ${facts.v}`], ["Parameters", settings], ["Run", facts.r]];
    for (const [file, first, last, calls_] of facts.s || []) origin.push(["Source", `${file}:${first}–${last} (${calls_.toLocaleString("en")} calls)`]);
    if (facts.f > (facts.s || []).length) origin.push(["", `and ${facts.f - facts.s.length} other files`]);
    made.append(block("Where it comes from", grid("Where it comes from", null, origin, [])));
    const review = [];
    if (facts.d) review.push(["Verdict", facts.d]);
    if (facts.n) review.push(["Notes", facts.n]);
    for (const [at, event, actor, note] of facts.e || []) review.push([at, [event, actor && `by ${actor}`, note].filter(Boolean).join(" – ")]);
    if (review.length) made.append(block("Review and history", grid("Review and history", null, review, [])));
    return made;
  };

  for (const head of heads) {
    const name = head.textContent;
    const key = head.dataset.key;
    const button = element("button", name);
    button.type = "button";
    button.addEventListener("click", () => {
      const current = state.sort.replace("-", "") === key;
      const down = current ? !state.sort.startsWith("-") : falling.has(key);
      change({ sort: (down ? "-" : "") + key });
    });
    head.replaceChildren(button);
    for (const sign of falling.has(key) ? ["-", ""] : ["", "-"]) {
      const option = element("option", `${name} ${sign ? "↓" : "↑"}`);
      option.value = sign + key;
      controls.sort.append(option);
    }
  }
  for (const alert of alerts) {
    const cell = alert.body.rows[0].cells[0];
    const button = element("button", cell.textContent);
    button.type = "button";
    button.setAttribute("aria-label", `Alert ${alert.id}: evidence`);
    button.addEventListener("click", () => toggle(alert.id));
    cell.replaceChildren(button);
  }
  controls.text.addEventListener("input", () => change({ q: controls.text.value }));
  for (const name of chosen) controls[name].addEventListener("change", () => change({ [name]: controls[name].value }));
  controls.sort.addEventListener("change", () => change({ sort: controls.sort.value }));
  controls.reset.addEventListener("click", () => change({ ...usual }));
  tools.addEventListener("submit", (event) => event.preventDefault());
  tools.hidden = false;
  const show = (target) => target.scrollIntoView({ block: "start" });
  const restore = () => {
    const asked = alerts.find((alert) => location.hash === `#alert-${alert.id}`);
    if (asked) {
      change({ ...usual, sort: state.sort, open: [...new Set([...state.open.split(","), asked.id])].filter(Boolean).join(",") });
      show(asked.body);
      return;
    }
    state = parseHash();
    apply();
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-filter]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    change({ ...usual, sort: state.sort, ...Object.fromEntries(new URLSearchParams(link.dataset.filter)) });
    const heading = document.getElementById("alerts");
    show(heading);
    heading.focus({ preventScroll: true });
  });
  window.addEventListener("hashchange", restore);
  restore();
})();
