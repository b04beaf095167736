(() => {
  "use strict";
  const root = document.body.dataset.root;
  const style = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // Charts: the library loads only where there is one.
  const plots = [...document.querySelectorAll(".plot")].map(plot => ({ plot, spec: JSON.parse(plot.querySelector("script").textContent) }));
  const palettes = {
    light: ["#0b5cad", "#c2410c", "#14713d", "#8a1f7a", "#a16207", "#0e7490", "#4b5563", "#be123c"],
    dark: ["#7db7f5", "#fb9a5c", "#6fd198", "#e39ad6", "#f0d060", "#67d4e8", "#b6c0cf", "#ff9db0"],
  };
  const draw = () => {
    const theme = document.documentElement.dataset.theme;
    const [ink, line] = [style("--soft"), style("--line")];
    const config = {
      background: null, font: "system-ui, sans-serif", view: { stroke: null }, range: { category: palettes[theme] },
      axis: { labelColor: ink, titleColor: ink, gridColor: line, domainColor: line, tickColor: line, labelFontSize: 11 },
      legend: { labelColor: ink, titleColor: ink, labelFontSize: 12, symbolType: "square" },
      line: { strokeWidth: 2 }, bar: { cornerRadiusEnd: 1 }, area: { opacity: .75 },
    };
    for (const { plot, spec } of plots) {
      const place = document.createElement("div");
      plot.replaceChildren(place);
      vegaEmbed(place, spec, { config, actions: false, renderer: "svg", tooltip: { theme } });
    }
  };
  if (plots.length) {
    const library = document.createElement("script");
    library.src = root + "assets/vega.js";
    library.onload = draw;
    document.head.append(library);
  }

  document.getElementById("theme").onclick = () => {
    const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = localStorage.theme = theme;
    if (window.vegaEmbed) draw();
  };

  for (const list of document.querySelectorAll("[role=tablist]")) {
    const tabs = [...list.children];
    const show = index => {
      for (const [n, tab] of tabs.entries()) {
        tab.setAttribute("aria-selected", n === index);
        tab.tabIndex = n === index ? 0 : -1;
        document.getElementById(tab.getAttribute("aria-controls")).hidden = n !== index;
      }
      tabs[index].focus();
    };
    for (const [n, tab] of tabs.entries()) {
      tab.onclick = () => show(n);
      tab.onkeydown = event => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (step) show((n + step + tabs.length) % tabs.length);
      };
    }
  }

  for (const block of document.querySelectorAll(".copy")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.onclick = async () => {
      const text = block.querySelector("pre").innerText.trimEnd() + "\n";
      try { await navigator.clipboard.writeText(text); } catch {
        // A page from the file system may not have the clipboard.
        getSelection().selectAllChildren(block.querySelector("pre"));
        document.execCommand("copy");
      }
      button.textContent = "Copied";
      setTimeout(() => button.textContent = "Copy", 1500);
    };
    block.append(button);
  }

  // A column that the address names shows its lineage.
  const open = () => {
    const row = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    row?.querySelector("details.lineage")?.setAttribute("open", "");
  };
  addEventListener("hashchange", open);
  open();

  // Search: all words must occur; names come before synonyms, and these before descriptions.
  const box = document.getElementById("search"), list = document.getElementById("found");
  const weights = { metric: 6, event: 5, mart: 5, board: 4, property: 3, model: 1, seed: 2, column: 0 };
  const split = text => text.toLowerCase().split(/[^a-z0-9]+/).filter(Boolean);
  let entries, chosen = 0;
  const prepare = () => entries ??= window.searchIndex.map(one => ({
    ...one, names: split(one.n), synonyms: (one.s || "").toLowerCase(), words: split(one.d), also: split(one.s || ""),
  }));
  const score = (one, words, whole) => {
    let total = weights[one.k];
    if (one.n.toLowerCase() === whole || one.names.join(" ") === whole) total += 100;
    else if (one.synonyms.split(", ").includes(whole)) total += 90;
    for (const word of words) {
      const starts = list => list.some(other => other.startsWith(word));
      if (one.names.includes(word)) total += 30;
      else if (starts(one.names)) total += 20;
      else if (starts(one.also)) total += 18;
      else if (starts(one.words)) total += 6;
      else return 0;
    }
    return total - one.names.length;
  };
  const choose = index => {
    const items = list.children;
    if (!items.length) return;
    chosen = (index + items.length) % items.length;
    for (const [n, item] of [...items].entries()) item.setAttribute("aria-selected", n === chosen);
    box.setAttribute("aria-activedescendant", items[chosen].id);
    items[chosen].scrollIntoView({ block: "nearest" });
  };
  const close = () => { list.hidden = true; box.setAttribute("aria-expanded", "false"); box.removeAttribute("aria-activedescendant"); };
  const search = () => {
    const words = split(box.value), whole = words.join(" ");
    if (!words.length) return close();
    const found = prepare().map(one => [score(one, words, whole), one]).filter(([points]) => points > 0)
      .sort((a, b) => b[0] - a[0] || a[1].n.localeCompare(b[1].n)).slice(0, 14);
    list.replaceChildren(...found.map(([, one], n) => {
      const item = document.createElement("li");
      item.id = "found-" + n;
      item.role = "option";
      const kind = Object.assign(document.createElement("span"), { className: "kind", textContent: one.k });
      const name = Object.assign(document.createElement("b"), { textContent: one.n });
      const text = Object.assign(document.createElement("small"), { textContent: one.d });
      item.append(kind, name, text);
      item.onmousedown = event => { event.preventDefault(); location.href = root + one.u; close(); };
      item.onmousemove = () => chosen === n || choose(n);
      return item;
    }));
    if (!found.length) list.innerHTML = "<li role=option aria-disabled=true>Nothing found. Try a shorter word.</li>";
    list.hidden = false;
    box.setAttribute("aria-expanded", "true");
    choose(0);
  };
  box.oninput = search;
  box.onfocus = search;
  box.onblur = close;
  box.onkeydown = event => {
    if (event.key === "ArrowDown") choose(chosen + 1);
    else if (event.key === "ArrowUp") choose(chosen - 1);
    else if (event.key === "Enter") list.children[chosen]?.onmousedown?.(event);
    else if (event.key === "Escape") { box.value = ""; close(); box.blur(); return; }
    else return;
    event.preventDefault();
  };
  addEventListener("keydown", event => {
    const typing = /^(input|textarea)$/i.test(event.target.tagName);
    if ((event.key === "/" && !typing) || (event.key === "k" && (event.ctrlKey || event.metaKey))) {
      event.preventDefault();
      box.focus();
    }
  });
})();
