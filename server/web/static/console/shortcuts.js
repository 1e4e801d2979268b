// Keys for what a page offers: an element with data-key is pressed by it; j and k go through [data-rows].
// They can be switched off (WCAG 2.1.4), which is remembered; without that a key typed by mistake would decide.

const KEPT = "console.shortcuts";
const box = document.getElementById("shortcuts-on");
const help = document.getElementById("shortcuts");

try {
  box.checked = localStorage.getItem(KEPT) !== "off";
} catch {
  // A browser that keeps nothing begins with them on.
}
box.addEventListener("change", () => {
  try {
    localStorage.setItem(KEPT, box.checked ? "on" : "off");
  } catch {
    // As above.
  }
});

const rows = [...document.querySelectorAll("[data-rows] > *")].filter((row) => row.querySelector("a"));
let at = -1;

function go(step) {
  if (!rows.length) return;
  if (at >= 0) delete rows[at].dataset.current;
  at = Math.min(Math.max(at + step, 0), rows.length - 1);
  rows[at].dataset.current = "";
  rows[at].querySelector("a").focus();
}

function press(button) {
  const needed = button.dataset.needs && document.getElementById(button.dataset.needs);
  if (needed && !needed.value.trim()) {
    needed.focus();
    return;
  }
  button.click();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing || !box.checked) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.key === "j") go(1);
  else if (event.key === "k") go(-1);
  else if (event.key === "?") {
    help.open = !help.open;
    if (help.open) help.querySelector("summary").focus();
  } else {
    const button = document.querySelector(`button[data-key="${CSS.escape(event.key)}"]`);
    if (!button) return;
    press(button);
  }
  event.preventDefault();
});

// A decision is sent once, however often a key is pressed.
for (const form of document.querySelectorAll("form")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
  });
}
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
