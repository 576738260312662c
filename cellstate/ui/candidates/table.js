// The best candidates as a table: texts come ready from the server, and are set as text, never as HTML.

function make(tag, text, attributes = {}) {
  const element = document.createElement(tag)
  if (text !== undefined) element.textContent = text
  for (const [name, value] of Object.entries(attributes)) if (value) element.setAttribute(name, value)
  return element
}
function cell(...parts) {
  const td = make("td")
  td.append(...parts)
  return td
}
function two(first, second) { return cell(first, make("small", second)) }
function badge([text, colour, title]) { return make("span", text, { class: `badge ${colour}`, title }) }

function effect(row) {
  const box = make("div", undefined, { class: "effect", title: row.score })
  const track = make("span", undefined, { class: "track" })
  const bar = make("span", undefined, { class: row.bar < 0 ? "bar away" : "bar" })
  bar.style.width = `${Math.min(100, 100 * Math.abs(row.bar))}%`
  track.append(bar)
  box.append(track, make("span", row.effect))
  return cell(box)
}
function links(row) {
  const td = cell(...row.links.map(([site, address]) => make("a", site, {
    href: address, target: "_blank", rel: "noopener noreferrer", "aria-label": `${row.gene} in ${site}`,
  })))
  td.className = "links"
  return td
}
function badges(row) {
  const td = row.badges.length ? cell(...row.badges.map(badge)) : cell("–")
  td.className = "badges"
  return td
}
function wrapping(text, title) {
  return make("td", text, { class: "wraps", title })
}

// Title, help and content of each column.
function columns(data, attempt) {
  return [
    ["Gene", "", (row) => {
      const th = make("th", row.gene, { scope: "row" })
      if (row.action) th.append(make("small", row.action))
      return th
    }],
    ["Effect", "Percent of the distance to the goal", effect],
    ["FDR", "How unusual the effect is for a goal of this size, corrected for all candidates", (row) => cell(row.significant ? make("strong", row.fdr) : row.fdr)],
    ["Agree", "Methods that give the score this sign", (row) => cell(row.agree)],
    ...(data.patient ? [["Special here (z)", "Effect in this patient, in SDs from the cohort's mean effect", (row) => cell(row.z || "–")]] : []),
    ["Level here", "Expression in this sample, and its rank in the model's cohort", (row) => two(row.level, row.rank)],
    ["Target", "Transcription factor; dependency of cancer cell lines", badges],
    ["Drugs", "Compounds whose action fits the perturbation (DrugCentral)", (row) => wrapping(row.drugs, row.all_drugs)],
    ["High in normal", "Normal tissues with at least 4 times the mean of the others; –: not in the profiles", (row) => wrapping(row.normal)],
    ...data.own.map((title, i) => [title, "From your table", (row) => wrapping(row.own[i])]),
    ["Evidence", "Level of the evidence behind this candidate", (row) => cell(badge([row.evidence, row.colour, row.checks]))],
    ["Look up", "", links],
    ["", "", (row, i) => {
      const button = make("button", "Try", { type: "button", "aria-label": `Try ${row.gene} in the Workbench` })
      button.addEventListener("click", () => attempt(i))
      return cell(button)
    }],
  ]
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".candidates")
  root.setAttribute("aria-label", data.alt)
  const shown = columns(data, (i) => setTriggerValue("attempt", i))
  const head = make("tr")
  for (const [title, help] of shown) {
    head.append(title ? make("th", title, { scope: "col", title: help }) : make("td"))
  }
  const rows = data.rows.map((row, i) => {
    const tr = make("tr", undefined, { "data-gene": row.gene })
    tr.append(...shown.map(([, , draw]) => draw(row, i)))
    return tr
  })
  const thead = make("thead"), tbody = make("tbody")
  thead.append(head)
  tbody.append(...rows)
  root.querySelector("table").replaceChildren(thead, tbody)
}
