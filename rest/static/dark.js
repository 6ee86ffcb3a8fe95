/** Gives Swagger UI its dark colours while the system is dark; in the head, so that no light page flashes up before. */
{
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  dark.addEventListener("change", apply);
  apply();
}
