// In the sidebar, the groups of pages fold; the group of this page is open, and on the first page all.
document.addEventListener("DOMContentLoaded", () => {
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
