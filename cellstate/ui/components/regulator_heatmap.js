// A heat map of regulators (rows) in samples (columns), in one SVG that can be saved as it is. Cells of one colour are one
// path: a cell each would be tens of thousands of elements. A click or the Enter key opens the sample of a cell.

const ROW = 15, NAMES = 84, TOP = 40, STRIP = 10, KEY = 46, LEAST_NAMED = 13, EDGE = 8
const TALLEST_NAME = 110

function signed(value) {
  return (value > 0 ? "+" : "") + value.toFixed(1).replace("-", "\u2212")
}
function shorten(text, letters) { return text.length > letters ? text.slice(0, letters - 1) + "…" : text }

class Heatmap extends Drawing {
  constructor(root) {
    super(root)
    this.said = root.querySelector(".said")
    this.svg.addEventListener("pointermove", (event) => this.point(this.at(event)))
    this.svg.addEventListener("pointerleave", () => this.point(null))
    this.svg.addEventListener("click", (event) => this.open(this.at(event)))
    root.addEventListener("keydown", (event) => this.press(event))
    root.addEventListener("blur", () => this.point(null))
  }

  update(data) {
    this.data = data
    this.z = floats(data.z)
    this.level = bytes(data.level)
    this.cell = null
    this.draw()
  }

  draw() {
    if (!this.data || !this.root.clientWidth) return
    const { samples, genes, groups } = this.data
    this.width = this.root.clientWidth
    this.step = Math.max(0.5, (this.width - NAMES - EDGE) / Math.max(1, samples.length))
    this.step = Math.min(this.step, 28)
    const named = this.step >= LEAST_NAMED
    const longest = Math.max(0, ...samples.map((name) => name.length))
    const foot = named ? Math.min(TALLEST_NAME, 10 + longest * 6.2) : 20
    this.top = TOP + (groups.length ? STRIP + 4 : 0)
    this.foot = this.top + genes.length * ROW
    this.height = this.foot + foot + KEY + (groups.length ? 20 * this.groupRows().length : 0)
    this.clear()
    this.add("text", { x: 0, y: 12, "font-weight": 600, "font-size": 13 }, "Activity of regulators in every sample")
    this.add("text", { x: 0, y: 28, "font-size": 11, "fill-opacity": 0.75 }, this.data.against)
    this.drawCells()
    this.drawGroups()
    genes.forEach((gene, row) =>
      this.add("text", { x: NAMES - 6, y: this.top + row * ROW + ROW / 2 + 4, "text-anchor": "end" }, gene))
    if (named) samples.forEach((name, column) => this.drawSample(name, column))
    else this.add("text", {
      x: NAMES, y: this.foot + 14, "font-size": 11, "fill-opacity": 0.75,
    }, `${samples.length.toLocaleString("en-US")} samples`)
    this.drawKey(this.foot + foot)
    this.mark = this.add("rect", { fill: "none", stroke: this.colour, "stroke-width": 1.5, visibility: "hidden" })
  }
  drawCells() {
    const { samples, genes, palette, noValue, grey } = this.data
    const paths = new Map()
    // Neighbours of one colour are one rectangle, a little larger so that no seam shows.
    genes.forEach((_, row) => {
      for (let start = 0, end; start < samples.length; start = end) {
        const level = this.level[row * samples.length + start]
        for (end = start + 1; end < samples.length && this.level[row * samples.length + end] === level;) end++
        const x = (NAMES + start * this.step).toFixed(2), y = this.top + row * ROW
        const wide = ((end - start) * this.step + 0.25).toFixed(2)
        paths.set(level, (paths.get(level) ?? "") + `M${x} ${y}h${wide}v${ROW - 1}h-${wide}z`)
      }
    })
    for (const [level, d] of paths) {
      const empty = level === noValue
      this.add("path", { d, class: "cells", fill: empty ? grey : palette[level], "fill-opacity": empty ? 0.15 : 1 })
    }
  }
  drawGroups() {
    const { group, groupColours, groups } = this.data
    if (!groups.length) return
    for (let start = 0, end; start < group.length; start = end) {
      for (end = start + 1; end < group.length && group[end] === group[start];) end++
      if (group[start] < 0) continue
      this.add("rect", {
        x: NAMES + start * this.step, y: TOP, width: (end - start) * this.step, height: STRIP,
        fill: groupColours[group[start]], class: "group",
      })
    }
  }
  drawSample(name, column) {
    const x = NAMES + (column + 0.5) * this.step + 4, y = this.foot + 6
    this.add("text", {
      x, y, "text-anchor": "end", "font-size": 11, transform: `rotate(-90 ${x} ${y})`,
    }, shorten(name, Math.floor((TALLEST_NAME - 10) / 6.2)))
  }
  // Names of groups in as many rows as the width needs: [index, x] each.
  groupRows() {
    const rows = [[]]
    let x = 0
    this.data.groups.forEach((name, i) => {
      const wide = 30 + shorten(name, 30).length * 7
      if (x && x + wide > this.width) { rows.push([]); x = 0 }
      rows.at(-1).push([i, x])
      x += wide
    })
    return rows
  }
  drawKey(y) {
    const { palette, limit, groups, groupColours } = this.data
    const wide = Math.min(200, this.width / 2) / palette.length
    palette.forEach((colour, i) => this.add("rect", { x: i * wide, y, width: wide + 0.3, height: 10, fill: colour }))
    const full = wide * palette.length
    for (const [at, text, anchor] of [[0, `\u2212${limit}`, "start"], [full / 2, "0", "middle"], [full, `+${limit}`, "end"]])
      this.add("text", { x: at, y: y + 24, "text-anchor": anchor, "font-size": 11 }, text)
    this.add("text", { x: full + 10, y: y + 9, "font-size": 11 }, this.data.unit)
    if (groups.length) this.groupRows().forEach((row, line) => row.forEach(([i, x]) => {
      const top = y + 36 + 20 * line
      this.add("rect", { x, y: top, width: 12, height: 10, fill: groupColours[i] })
      this.add("text", { x: x + 17, y: top + 9, "font-size": 11.5 }, shorten(groups[i], 30))
    }))
  }

  at(event) {
    const area = this.svg.getBoundingClientRect()
    const column = Math.floor((event.clientX - area.left - NAMES) / this.step)
    const row = Math.floor((event.clientY - area.top - this.top) / ROW)
    const { samples, genes } = this.data
    return column >= 0 && column < samples.length && row >= 0 && row < genes.length ? [row, column] : null
  }
  point(cell) {
    this.cell = cell
    this.tip.hidden = !cell
    this.svg.style.cursor = cell ? "pointer" : "default"
    this.mark?.setAttribute("visibility", cell ? "visible" : "hidden")
    if (!cell) return
    const [row, column] = cell
    const { samples, genes, group, groups } = this.data
    const x = NAMES + column * this.step, y = this.top + row * ROW
    set(this.mark, { x: x - 1, y: y - 1, width: this.step + 2, height: ROW + 1 })
    const z = this.z[row * samples.length + column]
    const kind = group[column] >= 0 ? groups[group[column]] : ""
    const lines = [`${genes[row]} in ${samples[column]}`, ...(kind ? [kind] : []),
      Number.isNaN(z) ? "not measured" : `activity ${signed(z)} SD`]
    this.said.textContent = lines.join(", ")
    this.showTip(lines, y + ROW + 6, x, 6)
  }
  press(event) {
    const { samples, genes } = this.data
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }
    if (event.key === "Enter") return this.open(this.cell)
    const by = moves[event.key]
    if (!by || !samples.length || !genes.length) return
    event.preventDefault()
    const [row, column] = this.cell ?? [-by[0], -by[1]]
    this.point([
      Math.min(Math.max(row + by[0], 0), genes.length - 1), Math.min(Math.max(column + by[1], 0), samples.length - 1),
    ])
  }
  open(cell) {
    if (!cell) return
    const [row, column] = cell
    const { samples, genes } = this.data
    this.send("opened", { sample: samples[column], gene: genes[row], more: this.z[row * samples.length + column] > 0 })
    // The sample's answer begins at the top of the page.
    this.root.closest('[data-testid="stMain"]')?.scrollTo(0, 0)
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".heatmap")
  const map = drawingOf(root, (root) => new Heatmap(root))
  map.send = setTriggerValue
  map.svg.setAttribute("aria-label", data.alt)
  map.update(data)
}
