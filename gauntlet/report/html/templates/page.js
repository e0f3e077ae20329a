"use strict";
(() => {
  const root = document.documentElement, main = document.getElementById("main");
  const tip = document.getElementById("tip");

  // -- light and dark --------------------------------------------------------------------------
  const stored = (value) => {
    try {
      if (value) localStorage.setItem("gauntlet-theme", value);
      return localStorage.getItem("gauntlet-theme");
    } catch { return null; } // a file may have no storage
  };
  const before = stored();
  if (before) root.dataset.theme = before;
  document.getElementById("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    stored(root.dataset.theme);
  });

  // -- sections --------------------------------------------------------------------------------
  const list = () => {
    const links = [...main.querySelectorAll("section[id] > h2")].map((heading) => {
      const link = document.createElement("a");
      link.href = `#${heading.parentElement.id}`;
      link.textContent = heading.dataset.short ?? heading.textContent;
      return link;
    });
    document.querySelector("nav").replaceChildren(...links);
  };
  list();

  // -- values under the pointer ----------------------------------------------------------------
  const parsed = new WeakMap();
  const told = (plot) => {
    if (!parsed.has(plot)) parsed.set(plot, JSON.parse(plot.dataset.hover));
    return parsed.get(plot);
  };
  const nearest = (places, share) => {
    let low = 0, high = places.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (places[middle] < share) low = middle + 1; else high = middle;
    }
    return low && share - places[low - 1] < places[low] - share ? low - 1 : low;
  };
  const hide = () => {
    tip.hidden = true;
    main.querySelectorAll(".plot.on").forEach((plot) => plot.classList.remove("on"));
  };
  main.addEventListener("pointermove", (event) => {
    const plot = event.target.closest(".plot");
    if (!plot) return hide();
    const hover = told(plot);
    if (!hover.at.length) return hide();
    const box = plot.querySelector(".frame").getBoundingClientRect();
    const index = nearest(hover.at, (event.clientX - box.left) / box.width);
    const cursor = plot.querySelector(".cursor");
    cursor.setAttribute("x1", `${hover.at[index] * 100}%`);
    cursor.setAttribute("x2", `${hover.at[index] * 100}%`);
    const head = document.createElement("b");
    head.textContent = hover.x[index];
    const rows = hover.rows.filter(([, texts]) => texts[index]).map(([name, texts]) => {
      const row = document.createElement("span");
      const value = document.createElement("i");
      value.textContent = texts[index];
      row.append(name, value);
      return row;
    });
    hide();
    plot.classList.add("on");
    tip.replaceChildren(head, ...rows);
    tip.hidden = false;
    const x = Math.min(event.clientX + 16, innerWidth - tip.offsetWidth - 8);
    const y = Math.min(event.clientY + 16, innerHeight - tip.offsetHeight - 8);
    tip.style.left = `${Math.max(x, 8)}px`;
    tip.style.top = `${Math.max(y, 8)}px`;
  });
  main.addEventListener("pointerleave", hide);

  // -- sorting ---------------------------------------------------------------------------------
  const orders = new Map(); // by table, so that a live page keeps them
  const number = (text) => parseFloat(text.replaceAll(",", ""));
  const sort = (table) => {
    const [column, way] = orders.get(table.id);
    const body = table.tBodies[0], rows = [...body.rows];
    const last = rows.filter((row) => row.classList.contains("total"));
    const key = (row) => row.cells[column].textContent.trim();
    rows.sort((one, other) => {
      const a = number(key(one)), b = number(key(other));
      const order = isNaN(a) || isNaN(b) ? key(one).localeCompare(key(other)) : a - b;
      return way * order;
    });
    body.append(...rows, ...last);
    [...table.tHead.rows[0].cells].forEach((head, index) => {
      if (index === column) head.ariaSort = way > 0 ? "ascending" : "descending";
      else head.removeAttribute("aria-sort");
    });
  };
  main.addEventListener("click", (event) => {
    const button = event.target.closest("thead button");
    if (!button) return;
    const table = button.closest("table"), column = button.parentElement.cellIndex;
    const [sorted, way] = orders.get(table.id) ?? [-1, 1];
    const numeric = button.parentElement.classList.contains("number");
    orders.set(table.id, [column, sorted === column ? -way : numeric ? -1 : 1]);
    sort(table);
  });

  addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((one) => { one.open = true; });
  });

  // -- a run that goes on ----------------------------------------------------------------------
  if (!root.dataset.live) return;
  const fresh = document.getElementById("fresh");
  const shown = new Map([...main.querySelectorAll("section")].map((one) => [one.id, one.outerHTML]));
  const take = (html) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    const sections = [...page.querySelectorAll("section")];
    const order = sections.map((one) => one.id).join();
    const open = [...main.querySelectorAll("details[open]")].map((one) => one.id);
    sections.forEach((section) => {
      const old = document.getElementById(section.id), text = section.outerHTML;
      if (old && shown.get(section.id) === text) return;
      shown.set(section.id, text);
      const next = document.importNode(section, true);
      if (old) old.replaceWith(next); else main.append(next);
      next.querySelectorAll("table").forEach((one) => { if (orders.has(one.id)) sort(one); });
    });
    const kept = new Set(sections.map((one) => one.id));
    [...main.children].forEach((one) => { if (!kept.has(one.id)) one.remove(); });
    if ([...main.children].map((one) => one.id).join() !== order)
      sections.forEach((one) => main.append(document.getElementById(one.id)));
    open.forEach((id) => { const one = document.getElementById(id); if (one) one.open = true; });
    list();
  };
  const ask = async () => {
    const looking = document.visibilityState === "visible" && tip.hidden;
    if (looking) {
      try {
        const answer = await fetch(root.dataset.live, { headers: { Accept: "application/json" } });
        if (!answer.ok) throw new Error(answer.statusText);
        const told = await answer.json();
        document.title = told.heading;
        take(told.body);
        fresh.textContent = told.fresh;
      } catch { fresh.textContent = "Locust does not answer; trying again."; }
    }
    setTimeout(ask, 2000);
  };
  setTimeout(ask, 2000);
})();
