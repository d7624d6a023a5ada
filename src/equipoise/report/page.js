"use strict";
// Tables that sort and filter, and thresholds that move. The page says everything without it.
(() => {
  const FIRST = 50; // rows of a long table that are shown at once
  const LONG = 60; // rows from which a table is long
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const counted = (n) => n.toLocaleString("en", { maximumFractionDigits: 1 });
  const element = (name, text) => {
    const made = document.createElement(name);
    made.textContent = text; // text, never HTML: labels are called anything
    return made;
  };

  // ---------------------------------------------------------------------------------- tables

  function number(text) {
    const value = Number(text.replaceAll(",", ""));
    return Number.isNaN(value) ? null : value; // a dash: there is none
  }

  function compare(a, b, sign) {
    if (a === null || b === null) return (a === null) - (b === null); // undefined comes last
    return sign * (typeof a === "number" ? a - b : collator.compare(a, b));
  }

  function interactive(block) {
    const table = block.querySelector("table");
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    const isText = heads.map((head) => head.classList.contains("text"));
    const original = [...body.rows];
    const words = new Map(
      original.map((row) => {
        const cells = [...row.cells].filter((_, i) => isText[i]);
        const read = cells.length ? cells : [...row.cells];
        return [row, read.map((cell) => cell.textContent).join("\n").toLowerCase()];
      }),
    );
    const filter = block.querySelector("input");
    const count = block.querySelector("output");
    const more = block.querySelector("button.more");
    let order = original;
    let everything = original.length <= LONG;

    function show() {
      const wanted = filter ? filter.value.trim().toLowerCase() : "";
      let matching = 0;
      let shown = 0;
      for (const row of order) {
        const fits = words.get(row).includes(wanted);
        row.hidden = !fits || (!everything && matching >= FIRST);
        matching += fits;
        shown += !row.hidden;
      }
      if (count) {
        const found = wanted ? `${counted(matching)} of ${counted(order.length)} rows fit` : "";
        const cut = shown < matching ? `the first ${counted(shown)} are shown` : "";
        count.textContent = wanted
          ? [found, cut].filter(Boolean).join(", ")
          : `${counted(shown)} of ${counted(order.length)} rows shown`;
      }
      if (more) {
        more.hidden = original.length <= LONG || matching <= FIRST;
        more.textContent = everything
          ? `Show the first ${FIRST} rows`
          : `Show all ${counted(matching)} rows`;
      }
    }

    function sort(column) {
      const before = heads[column].getAttribute("aria-sort");
      for (const head of heads) head.removeAttribute("aria-sort");
      const next = { null: "ascending", ascending: "descending", descending: null }[before];
      if (next === null) {
        order = original;
      } else {
        const key = (row) => {
          const cell = row.cells[column];
          const text = cell.textContent;
          // The name at the head of a row is never missing, whatever it is.
          if (isText[column]) return text === "–" && cell.tagName === "TD" ? null : text;
          return number(text);
        };
        const sign = next === "ascending" ? 1 : -1;
        const keyed = original.map((row) => [key(row), row]);
        order = keyed.sort((a, b) => compare(a[0], b[0], sign)).map((pair) => pair[1]);
        heads[column].setAttribute("aria-sort", next);
      }
      body.append(...order);
      show();
    }

    if (original.length > 1) {
      heads.forEach((head, column) => {
        const button = document.createElement("button");
        button.type = "button";
        button.append(...head.childNodes);
        button.addEventListener("click", () => sort(column));
        head.append(button);
      });
    }
    if (filter) filter.addEventListener("input", show);
    if (more) {
      more.addEventListener("click", () => {
        everything = !everything;
        show();
      });
    }
    const tools = block.querySelector(".tools");
    if (tools) tools.hidden = false;
    show();
  }

  // ------------------------------------------------------------------------------ thresholds

  function counts(label, place) {
    const tp = label.tp[place];
    const fp = label.fp[place];
    const fn = label.positives - tp;
    const alerts = tp + fp;
    const all = label.positives + label.negatives;
    return {
      tp,
      fp,
      fn,
      tn: label.negatives - fp,
      precision: alerts > 0 ? tp / alerts : null,
      recall: label.positives > 0 ? tp / label.positives : null,
      f1: tp + fp + fn > 0 ? (2 * tp) / (2 * tp + fp + fn) : null,
      alerts: all > 0 ? (1000 * alerts) / all : null,
    };
  }

  // The threshold in use may have all the digits of a score; five tell it from its neighbours.
  const short = (cut) => String(Number(cut.toPrecision(5)));

  const SHARES = ["precision", "recall", "f1"];

  function written(name, value) {
    if (value === null) return "–";
    return SHARES.includes(name) ? value.toFixed(3) : counted(value);
  }

  function curves(label) {
    const width = 600;
    const height = 150;
    const last = Math.max(label.cuts.length - 1, 1);
    return SHARES.map((name) => {
      const points = label.cuts.map((_, place) => {
        const value = counts(label, place)[name];
        return value === null ? "" : `${(width * place) / last},${height * (1 - value)}`;
      });
      return [name, points.join(" ")];
    });
  }

  function movable(block) {
    const data = JSON.parse(document.getElementById(block.dataset.source).textContent);
    const places = data.labels.map((label) => label.chosen);
    const find = (selector) => block.querySelector(selector);
    const [filter, select, slider] = ["input[type=search]", "select", "input[type=range]"].map(
      find,
    );
    const fields = [...block.querySelectorAll("dd")];
    let current = 0;

    function list() {
      const wanted = filter.value.trim().toLowerCase();
      const options = data.labels.flatMap((label, i) => {
        if (!label.name.toLowerCase().includes(wanted)) return [];
        const option = element("option", label.name);
        option.value = i;
        return [option];
      });
      select.replaceChildren(...options);
      find(".found").textContent = wanted
        ? `${counted(options.length)} of ${counted(data.labels.length)} labels fit`
        : "";
      slider.disabled = !options.length;
      if (!options.length) return;
      if (!options.some((option) => Number(option.value) === current)) {
        current = Number(options[0].value);
        choose();
      }
      select.value = String(current);
    }

    function choose() {
      const label = data.labels[current];
      slider.max = label.cuts.length - 1;
      slider.value = places[current];
      for (const [name, points] of curves(label)) {
        find(`polyline.${name}`).setAttribute("points", points);
      }
      find("line.chosen").setAttribute("x1", across(label, label.chosen));
      find("line.chosen").setAttribute("x2", across(label, label.chosen));
      move();
    }

    const across = (label, place) => (600 * place) / Math.max(label.cuts.length - 1, 1);

    function move() {
      const label = data.labels[current];
      const place = Number(slider.value);
      places[current] = place;
      const now = counts(label, place);
      const chosen = counts(label, label.chosen);
      for (const field of fields) {
        const name = field.dataset.name;
        const value = written(name, now[name]);
        field.replaceChildren(element("span", value));
        if (place !== label.chosen) {
          field.append(element("small", `chosen: ${written(name, chosen[name])}`));
        }
      }
      find("line.now").setAttribute("x1", across(label, place));
      find("line.now").setAttribute("x2", across(label, place));
      slider.setAttribute("aria-valuetext", short(label.cuts[place]));
      find(".cut").textContent = short(label.cuts[place]);
      find("button.reset").disabled = place === label.chosen;
      find("output.said").textContent =
        // Isolated: a name may be written from right to left.
        `\u2068${label.name}\u2069 from ${short(label.cuts[place])}: ${counted(now.tp)} of ` +
        `${counted(label.positives)} positives found, ${counted(now.fp)} false alarms.`;
    }

    filter.addEventListener("input", list);
    select.addEventListener("change", () => {
      current = Number(select.value);
      choose();
    });
    slider.addEventListener("input", move);
    find("button.reset").addEventListener("click", () => {
      slider.value = data.labels[current].chosen;
      move();
      slider.focus(); // the button is disabled now and would lose the focus
    });
    list();
    choose();
    block.hidden = false;
  }

  document.querySelectorAll(".table").forEach(interactive);
  document.querySelectorAll(".thresholds").forEach(movable);
})();
