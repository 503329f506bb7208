// The width and the density of the list as this browser keeps them, set before the page is shown: a module would come
// too late, and the page would jump. What it reads is what `preferences.js` writes.

(() => {
  const root = document.documentElement;
  try {
    const width = Number(localStorage.getItem("hermes.side-width"));
    if (width > 0) root.style.setProperty("--side-width", `${width}px`);
    root.dataset.density = localStorage.getItem("hermes.density") === '"compact"' ? "compact" : "comfortable";
  } catch {
    // A forbidden storage keeps nothing.
  }
})();
