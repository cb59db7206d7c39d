const all = (selector) => [...document.querySelectorAll(selector)];
const sliders = all("input.mix");
function mix(value) {
  document.body.style.setProperty("--mix", value / 100);
  for (const slider of sliders) {
    slider.value = value;
    slider.parentElement.querySelector("output").value = `${value} %`;
  }
}
for (const slider of sliders) slider.addEventListener("input", () => mix(slider.value));
const outline = document.querySelector("#outline");
outline?.addEventListener("change", () =>
  document.body.classList.toggle("no-outline", !outline.checked));
const methods = all("input[name=method]");
function choose() {
  const shown = new Set(methods.filter((box) => box.checked).map((box) => box.value));
  for (const figure of all("figure[data-method]")) {
    figure.hidden = !shown.has(figure.dataset.method);
  }
  for (const row of all(".maps")) row.style.setProperty("--columns", shown.size + 1);
}
for (const box of methods) box.addEventListener("change", choose);
const dialog = document.querySelector("dialog");
for (const stack of all(".maps .stack")) {
  stack.addEventListener("click", () => {
    const large = document.createElement("div");
    large.className = stack.className;
    large.style.setProperty("--ratio", stack.clientWidth / stack.clientHeight);
    large.append(...[...stack.children].map((child) => child.cloneNode(true)));
    document.querySelector("#enlarged").replaceChildren(large);
    document.querySelector("#enlarged-title").textContent = stack.dataset.title;
    dialog.showModal();
  });
}
document.querySelector("#close").addEventListener("click", () => dialog.close());
// A browser keeps boxes and sliders as they were when a page is loaded anew.
mix(sliders[0].value);
if (methods.length) choose();
if (outline) document.body.classList.toggle("no-outline", !outline.checked);
