"use strict";
// Filters and sorts what the page already holds; without this script all of it is there, in the order "worst first".
(() => {
  const form = document.getElementById("filter");
  const list = document.getElementById("list");
  const none = document.getElementById("none");
  const output = form.querySelector("output");
  const rows = [...document.querySelectorAll("#account-table tbody tr")];
  const items = [...list.children];
  const rank = new Map(items.map((item, index) => [item, index]));
  const texts = new Map();
  const compare = new Intl.Collator("en", { numeric: true }).compare;

  const text = (element) => {
    if (!texts.has(element)) {
      const summary = element.querySelector("summary");
      const words = summary ? [summary, element.querySelector(".id")] : [element];
      texts.set(element, words.map((word) => word.textContent).join(" ").toLowerCase());
    }
    return texts.get(element);
  };

  const show = (elements, wanted) => {
    let shown = 0;
    for (const element of elements) {
      const fits = wanted(element);
      if (element.hidden === fits) element.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    return shown;
  };

  const filter = () => {
    const { text: words, status, provider, account } = form.elements;
    const parts = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (element) =>
      (!status.value || element.dataset.s === status.value) &&
      (!provider.value || element.dataset.p === provider.value) &&
      (!account.value || element.dataset.a === account.value) &&
      parts.every((part) => text(element).includes(part));
    const clusters = show(items, fits);
    const kept = new Set(items.filter((item) => !item.hidden).map((item) => item.dataset.a));
    // An account also stays while one of its clusters does.
    const accounts = show(rows, (row) => fits(row) || kept.has(row.dataset.a));
    none.hidden = clusters > 0 || items.length === 0;
    const count = (number, all, noun) => `${number.toLocaleString("en")} of ${all.toLocaleString("en")} ${noun}`;
    output.textContent = `Showing ${count(clusters, items.length, "clusters")}, ${count(accounts, rows.length, "accounts")}`;
  };

  const keys = {
    name: (item) => item.querySelector("h3, .name").textContent,
    account: (item) => item.querySelector(".where bdi").textContent,
    place: (item) => item.querySelector(".loc").textContent,
  };

  const sort = () => {
    const key = keys[form.elements.sort.value];
    const sorted = key
      ? items.map((item) => [key(item), item]).sort((a, b) => compare(a[0], b[0]) || rank.get(a[1]) - rank.get(b[1])).map((pair) => pair[1])
      : items;
    list.append(...sorted);
  };

  const sortable = (header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = header.textContent;
    header.replaceChildren(button);
    button.addEventListener("click", () => {
      const up = header.getAttribute("aria-sort") !== "ascending";
      for (const other of header.parentElement.children) other.removeAttribute("aria-sort");
      header.setAttribute("aria-sort", up ? "ascending" : "descending");
      const value = (row) => row.children[column].dataset.k ?? row.children[column].textContent;
      const sorted = [...rows].sort((a, b) => compare(value(a), value(b)) * (up ? 1 : -1));
      rows[0].parentElement.append(...sorted);
    });
  };

  const reveal = () => {
    const target = document.getElementById(location.hash.slice(1));
    const details = target && target.querySelector("details.c");
    if (details) details.open = true;
  };

  // Where the style sheet cannot open what is folded for print, open it here and fold it again afterwards.
  const unfold = () => {
    if (CSS.supports("selector(::details-content)")) return;
    const folded = [...document.querySelectorAll("details:not([open])")];
    for (const details of folded) details.open = true;
    addEventListener("afterprint", () => folded.forEach((details) => { details.open = false; }), { once: true });
  };

  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", (event) => (event.target.name === "sort" ? sort() : filter()));
  [...document.querySelectorAll("#account-table thead th")].slice(0, 7).forEach(sortable);
  addEventListener("hashchange", reveal);
  addEventListener("beforeprint", unfold);
  reveal();
  filter();
})();
