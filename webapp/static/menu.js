// A menu below a button: arrows, letters of the keys, Escape; it closes by itself when anything else is used.

const ICONS = "/static/vendor/lucide/icons.svg";

/** Return one of the icons. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${ICONS}#${name}`);
  svg.append(use);
  return svg;
}

/** Open a menu; `items` are `[icon, words, what to call or an address to download, key, class]`. */
export function open(button, items) {
  const menu = document.createElement("div");
  menu.className = "menu popup";
  menu.popover = "auto";
  menu.setAttribute("role", "menu");
  menu.setAttribute("aria-label", button.getAttribute("aria-label"));
  menu.append(...items.map((item) => entry(menu, button, item)));
  menu.addEventListener("keydown", (event) => onKey(event, menu));
  menu.addEventListener("toggle", (event) => {
    if (event.newState !== "closed") return;
    button.setAttribute("aria-expanded", "false");
    if (menu.contains(document.activeElement) || document.activeElement === document.body) button.focus({ preventScroll: true });
    menu.remove();
  });
  document.getElementById("side").append(menu);
  menu.showPopover();
  put(menu, button.getBoundingClientRect());
  button.setAttribute("aria-expanded", "true");
  menu.firstElementChild.focus();
}

function entry(menu, button, [picture, words, what, key, kind = ""]) {
  const made = document.createElement(typeof what === "string" ? "a" : "button");
  made.className = `menu-item ${kind}`;
  made.setAttribute("role", "menuitem");
  made.append(icon(picture), document.createTextNode(words));
  if (key) {
    const hint = document.createElement("kbd");
    hint.textContent = key;
    hint.setAttribute("aria-hidden", "true");
    made.append(hint);
  }
  if (typeof what === "string") Object.assign(made, { href: what, download: "" });
  else made.type = "button";
  made.addEventListener("click", () => {
    button.focus({ preventScroll: true });
    menu.hidePopover();
    if (typeof what !== "string") what();
  });
  return made;
}

function onKey(event, menu) {
  const items = [...menu.children];
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
  if (event.key === "Tab") menu.hidePopover();
  event.stopPropagation();
  if (to === undefined) return;
  event.preventDefault();
  items.at(to % items.length).focus();
}

function put(menu, place) {
  const { offsetWidth: width, offsetHeight: height } = menu;
  const below = place.bottom + height + 8 < innerHeight;
  menu.style.left = `${Math.max(8, Math.min(place.right - width, innerWidth - width - 8))}px`;
  menu.style.top = `${Math.max(8, below ? place.bottom + 4 : place.top - height - 4)}px`;
}
