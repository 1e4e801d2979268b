// Counts characters while they are typed, and brings the reader to the verdict. The page works without it.

const area = document.querySelector("[data-counter]");
if (area) {
  const place = document.getElementById(area.dataset.counter);
  const show = () => {
    place.textContent = place.dataset.pattern.replace("#", [...area.value].length.toLocaleString());
  };
  area.addEventListener("input", show);
  show();
}

document.getElementById("verdict")?.focus();
