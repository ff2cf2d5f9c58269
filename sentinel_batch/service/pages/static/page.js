(() => {
  "use strict";
  const PULSE = 3000;
  const FIRST_WAIT = 1000;
  const LONGEST_WAIT = 30000;
  const SILENCE = 90000;
  const GATHER = 200;
  const token = document.body.dataset.token;
  if (!token) return;
  const connection = document.getElementById("connection");
  const news = document.getElementById("news");
  const tell = (state, text) => {
    if (connection.dataset.state !== state || connection.textContent !== text) [connection.dataset.state, connection.textContent] = [state, text];
  };
  const change = (topic) => document.body.dispatchEvent(new CustomEvent(`${topic}-changed`));
  const send = (address, options = {}) => fetch(address, { ...options, cache: "no-store", redirect: "error", headers: { "X-CSRF-Token": token, "HX-Request": "true" } });
  let signedOut = false;
  const leave = () => {
    signedOut = true;
    tell("out", "Signed out");
    const link = document.createElement("a");
    link.href = `/login?next=${encodeURIComponent(location.pathname + location.search)}`;
    link.textContent = "Sign in again";
    const said = document.createElement("p");
    said.className = "alarm";
    said.append("You are signed out. ", link);
    document.getElementById("notice").replaceChildren(said);
  };

  // One small question every few seconds tells what has changed; only that is read again, and nothing in a hidden tab.
  let known = null;
  let asking = false;
  const ask = async () => {
    if (asking || signedOut || document.hidden) return;
    asking = true;
    try {
      const answer = await send("/pulse");
      if (answer.status === 401) { leave(); return; }
      if (!answer.ok) throw new Error(String(answer.status));
      const versions = await answer.json();
      if (known) for (const topic of Object.keys(versions)) if (versions[topic] !== known[topic]) change(topic);
      known = versions;
      if (!stream) tell("live", "● Live");
    } catch {
      if (!stream) tell("waiting", "○ Reconnecting …");
    } finally {
      asking = false;
    }
  };

  // New alerts come at once, over a WebSocket; after a break it resumes after the last one that this page knows of.
  const feed = document.getElementById("feed");
  const stream = Boolean(feed && document.body.dataset.stream);
  let last = feed ? Number(feed.dataset.last) : 0;
  const begin = last;
  let wait = FIRST_WAIT;
  let gathering = 0;
  let heard = 0;
  let socket = null;
  let retry = 0;
  const receive = (alert) => {
    if (alert.id <= last) return;
    last = alert.id;
    news.textContent = `New alert ${alert.id}: ${alert.severity_by_loss}, ${alert.suspect_number}, ${alert.detection_rule}`;
    clearTimeout(gathering);
    gathering = setTimeout(() => change("alerts"), GATHER);
  };
  const later = () => {
    if (signedOut) return;
    const pause = Math.round(wait * (0.75 + Math.random() / 2));
    tell("waiting", `○ Reconnecting in ${Math.max(1, Math.round(pause / 1000))} s …`);
    clearTimeout(retry);
    retry = setTimeout(connect, pause);
    wait = Math.min(2 * wait, LONGEST_WAIT);
  };
  const connect = async () => {
    clearTimeout(retry);
    try {
      const answer = await send("/ticket", { method: "POST" });
      if (answer.status === 401) { leave(); return; }
      if (!answer.ok) throw new Error(String(answer.status));
      const { ticket } = await answer.json();
      const secure = location.protocol === "https:" ? "wss:" : "ws:";
      socket = new WebSocket(`${secure}//${location.host}/api/v1/sentinel/ws/alerts?since=${last}&ticket=${encodeURIComponent(ticket)}`);
      const own = socket;
      own.addEventListener("message", (event) => {
        heard = Date.now();
        const message = JSON.parse(event.data);
        if (message.type === "connected") { wait = FIRST_WAIT; tell("live", "● Live"); change("alerts"); }
        if (message.type === "alert") receive(message.data);
      });
      own.addEventListener("close", () => { if (own === socket) later(); });
      heard = Date.now();
    } catch {
      later();
    }
  };
  const mark = () => {
    for (const body of document.querySelectorAll("#feed tbody[data-id]")) body.classList.toggle("fresh", Number(body.dataset.id) > begin);
    const fresh = document.querySelectorAll("#feed tbody.fresh").length;
    document.title = document.title.replace(/^(\(\d+\) )?/, fresh ? `(${fresh}) ` : "");
  };

  // Files go one after the other, so that each has its result before the next is sent.
  const form = document.getElementById("upload");
  const upload = (file) => new Promise((done) => {
    const shown = document.createElement("article");
    shown.className = "panel job";
    const title = document.createElement("h2");
    const bar = document.createElement("progress");
    title.textContent = `Sending ${file.name}`;
    bar.max = 1;
    bar.setAttribute("aria-label", "Sent");
    shown.append(title, bar);
    document.getElementById("results").prepend(shown);
    const fields = new FormData();
    for (const name of ["dialect", "timezone", "region"]) if (form.elements[name].value.trim()) fields.append(name, form.elements[name].value.trim());
    fields.append("cdr_file", file);
    const request = new XMLHttpRequest();
    request.open("POST", "/upload");
    request.setRequestHeader("X-CSRF-Token", token);
    request.setRequestHeader("HX-Request", "true");
    request.upload.addEventListener("progress", (event) => { if (event.lengthComputable) bar.value = event.loaded / event.total; });
    request.addEventListener("loadend", () => {
      if (request.status && request.getResponseHeader("Content-Type")?.startsWith("text/html")) {
        const answer = new DOMParser().parseFromString(request.responseText, "text/html").body;
        const parts = [...answer.children];
        if (request.status >= 400) parts.unshift(title);
        shown.replaceWith(...parts);
        for (const part of parts) htmx.process(part);
      } else {
        const said = document.createElement("p");
        said.className = "alarm";
        said.textContent = request.status ? `The service refused the file (${request.status}).` : "The connection broke; nothing was taken. Send the file again: rows that are known are not taken twice.";
        bar.replaceWith(said);
      }
      done();
    });
    request.send(fields);
  });
  const take = async (files) => { for (const file of files) await upload(file); };
  if (form) {
    const input = document.getElementById("files");
    form.addEventListener("submit", (event) => event.preventDefault());
    input.addEventListener("change", async () => { await take([...input.files]); input.value = ""; });
    for (const kind of ["dragenter", "dragover"]) form.addEventListener(kind, (event) => { event.preventDefault(); form.classList.add("over"); });
    for (const kind of ["dragleave", "drop"]) form.addEventListener(kind, () => form.classList.remove("over"));
    form.addEventListener("drop", (event) => { event.preventDefault(); take([...event.dataTransfer.files]); });
    // A file that misses the field must not replace the page.
    for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (event) => event.preventDefault());
  }

  document.body.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.requestConfig.verb === "post") document.getElementById("notice").replaceChildren();
  });
  document.body.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.requestConfig.verb === "post" && event.detail.successful) { news.textContent = "Saved"; ask(); }
  });
  document.body.addEventListener("htmx:sendError", () => tell("waiting", "○ Reconnecting …"));
  document.body.addEventListener("htmx:afterSettle", (event) => {
    mark();
    if (event.target.getAttribute?.("aria-busy")) event.target.removeAttribute("aria-busy");
  });
  document.addEventListener("visibilitychange", ask);
  window.addEventListener("online", () => { ask(); if (stream && (!socket || socket.readyState > 1)) connect(); });
  setInterval(() => {
    ask();
    if (socket && socket.readyState === WebSocket.OPEN && Date.now() - heard > SILENCE) socket.close();
  }, PULSE);
  ask();
  if (stream) connect();
})();
