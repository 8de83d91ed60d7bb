// On phones, the figures of findings are folded, so that a page's words can be read without them.
// In the sidebar, the groups of pages fold; the group of this page is open, and on the first page all.
document.addEventListener("DOMContentLoaded", () => {
  if (matchMedia("(max-width: 46em)").matches) {
    for (const fold of document.querySelectorAll(".shown > details")) fold.open = false;
  }
  for (const caption of document.querySelectorAll(".sidebar-tree > .caption")) {
    const pages = caption.nextElementSibling;
    if (!pages) continue;
    const group = document.createElement("details");
    group.open = pages.matches(":has(.current)") || !document.querySelector(".sidebar-tree .current");
    caption.replaceWith(group);
    group.append(document.createElement("summary"), pages);
    group.firstChild.append(caption);
  }
});
