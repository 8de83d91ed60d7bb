// On phones, the figures of findings are folded, so that a page's words can be read without them.
document.addEventListener("DOMContentLoaded", () => {
  if (matchMedia("(max-width: 46em)").matches) {
    for (const fold of document.querySelectorAll(".shown > details")) fold.open = false;
  }
});
