// Fetches the part of the overview that changes, as long as somebody can see the page.

const live = document.getElementById("live");
const state = document.getElementById(live.dataset.state);
const seconds = Number(live.dataset.seconds);

async function refresh() {
  if (document.hidden || live.contains(document.activeElement)) return;
  try {
    const answer = await fetch(live.dataset.address, { redirect: "manual", credentials: "same-origin" });
    if (answer.type === "opaqueredirect") {
      location.reload(); // the session has ended: the page asks for a login, and comes back
      return;
    }
    if (!answer.ok) throw new Error(String(answer.status));
    live.innerHTML = await answer.text(); // our own template, with everything escaped
    state.textContent = live.dataset.on;
  } catch {
    state.textContent = live.dataset.away;
  }
}

state.textContent = live.dataset.on;
setInterval(refresh, seconds * 1000);
