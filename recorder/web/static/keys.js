// Keys, theme, help.
import { $, hide } from "./dom.js";
import { toggleHold } from "./regions/image.js";
import { toggleWall } from "./regions/wall.js";
import { goLive, stepRun } from "./route.js";
import { changed } from "./store.js";

const REGIONS = ["rate", "chip", "time-points", "image", "chains", "cells"];

function to(id) {
  const section = id === "rate" && $(id).hidden ? $("technique") : $(id);
  if (section.hidden) return;
  section.scrollIntoView({ block: "nearest" });
  section.focus();
}

const ACTIONS = {
  "[": () => stepRun(-1),
  "]": () => stepRun(1),
  h: toggleHold,
  a: () => to("alarms"),
  w: () => toggleWall(),
  "?": () => $("help").showModal(),
  Escape: goLive,
};
REGIONS.forEach((id, n) => {
  ACTIONS[String(n + 1)] = () => to(id);
});

function pressed(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target.closest?.("input, select, textarea, dialog")) return;
  const action = ACTIONS[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  changed("look");
}

export function start() {
  addEventListener("keydown", pressed);
  $("help-button").addEventListener("click", () => $("help").showModal());
  const asked = new URLSearchParams(location.search).get("theme");
  if (asked === "dark" || asked === "light") setTheme(asked);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", () => changed("look"));
  $("theme").addEventListener("click", () => {
    const now = document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light");
    setTheme(now === "dark" ? "light" : "dark");
  });
  addEventListener("resize", () => changed("look", "image"));
  hide($("alarms"), true);
}
