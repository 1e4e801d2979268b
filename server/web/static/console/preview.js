// Shows beside the editor what readers will see, made by the server, a moment after the last key.

const form = document.getElementById("editor");
const shown = document.getElementById("preview");
let timer = 0;
let asked = 0;

async function preview() {
  const number = ++asked;
  const body = new URLSearchParams(new FormData(form));
  try {
    const answer = await fetch(form.dataset.preview, { method: "POST", body, redirect: "error", credentials: "same-origin" });
    if (!answer.ok || number !== asked) return;
    shown.innerHTML = await answer.text(); // the server's renderer, which lets no HTML of the author through
  } catch {
    // What was shown last stays; the button asks again.
  }
}

form.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(preview, 600);
});
