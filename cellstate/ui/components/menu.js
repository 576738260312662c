// The menu of pages lies over the page where the window is narrow. Streamlit closes it after a choice only if the
// browser says that it is a phone's; this closes it in every narrow window.

const NARROW = "(max-width: 767.98px)"

document.addEventListener("click", (event) => {
  if (!event.target.closest?.('[data-testid="stSidebarNavLink"]') || !matchMedia(NARROW).matches) return
  // After Streamlit's own answer to the click: once the menu is closed, this button is gone.
  requestAnimationFrame(() => document.querySelector('[data-testid="stSidebarCollapseButton"] button')?.click())
})

export default function () {}
