"use strict";
{
  // Before anything is drawn, so that a remembered choice doesn't flash. Some browsers refuse storage to files.
  const root = document.documentElement;
  root.classList.add("js");
  let remembered = null;
  try { remembered = localStorage.getItem("m1flow-theme"); } catch { /* not remembered, then */ }
  if (remembered === "light" || remembered === "dark") root.dataset.theme = remembered;
}
