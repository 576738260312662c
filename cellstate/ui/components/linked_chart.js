// Bars of the most changed genes beside a scatter plot of all genes, in one SVG that can be saved as it is. The points
// are painted on a canvas and placed in the SVG as an image: seventeen thousand elements would be slow.

const NARROW = 560 // below this width, the charts stand one below the other
const ROW = 16
const TOP = 30, FOOT = 44, NAMES = 84, AGREE = 46, NUMBERS = 54, GAP = 26, EDGE = 10
const RADIUS = 2.4, NEAR = 7, LEAST_BOX = 5
const SALIENT = 300 // so many of the largest changes are painted nearly opaque

function digits(value, n = 3) {
  return Number(value.toPrecision(n)).toLocaleString("en-US", { maximumSignificantDigits: n }).replace("-", "\u2212")
}
function signed(value, n = 3) { return (value > 0 ? "+" : "") + digits(value, n) }
function niceTicks(low, high, wanted) {
  const rough = (high - low || 1) / wanted
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough)
  const ticks = []
  for (let i = Math.ceil(low / step); i * step <= high; i++) ticks.push(Number((i * step).toPrecision(12)))
  return ticks
}
function linear([a, b], [c, d]) {
  const scale = (v) => c + ((v - a) / (b - a || 1)) * (d - c)
  scale.invert = (p) => a + ((p - c) / (d - c || 1)) * (b - a)
  return scale
}

class LinkedChart extends Drawing {
  constructor(root) {
    super(root)
    this.image = document.createElement("canvas")
    this.svg.addEventListener("pointermove", (event) => this.hover(event))
    this.svg.addEventListener("pointerleave", () => { this.tip.hidden = true })
    this.svg.addEventListener("pointerdown", (event) => this.press(event))
    this.svg.addEventListener("dblclick", () => this.reset())
    this.svg.addEventListener("wheel", (event) => this.zoom(event), { passive: false })
  }

  update(data) {
    if (data.key !== this.key) {
      this.key = data.key
      this.genes = data.genes ? data.genes.split("\n") : []
      this.x = floats(data.x); this.y = floats(data.y); this.after = floats(data.after)
      this.same = bytes(data.same); this.reason = bytes(data.reason)
      this.box = null; this.view = null; this.clicked = new Set()
    }
    // A selection that was cleared outside; the zoom stays.
    if (this.data && data.turn !== this.data.turn) { this.box = null; this.clicked = new Set() }
    this.data = data
    this.draw()
  }
  sendSelection() {
    const { key, turn } = this.data
    this.send("selection", { key, turn, box: this.box, clicked: [...this.clicked].map((i) => this.genes[i]) })
  }

  layout() {
    this.width = this.root.clientWidth
    const rows = this.data.maxBars * ROW
    const narrow = this.width < NARROW
    const half = narrow ? this.width : (this.width - GAP) / 2
    const down = narrow ? rows + TOP + FOOT + 12 : 0
    this.bars = { left: NAMES, right: half - AGREE, top: TOP, foot: TOP + rows }
    const left = narrow ? 0 : half + GAP
    this.plot = { left: left + NUMBERS, right: left + half - EDGE, top: TOP + down, foot: TOP + down + rows }
    this.height = this.plot.foot + FOOT
  }

  // Genes in the box, or all; reliable ones alone where there are any.
  ranked() {
    const chosen = []
    let reliable = false
    for (let i = 0; i < this.genes.length; i++) if (this.inBox(i)) { chosen.push(i); reliable ||= !this.reason[i] }
    return chosen.filter((i) => !reliable || !this.reason[i]).slice(0, this.data.maxBars)
  }
  inBox(i) {
    const b = this.box
    return !b || (this.x[i] >= b[0] && this.x[i] <= b[1] && this.y[i] >= b[2] && this.y[i] <= b[3])
  }

  draw() {
    if (!this.data || !this.root.clientWidth) return
    this.layout()
    this.clear()
    this.drawBars()
    this.drawScatter()
  }
  title(x, text) { this.add("text", { x, y: 12, "font-weight": 600, "font-size": 13 }, text) }
  line(x1, y1, x2, y2, opacity = 0.18) {
    this.add("line", { x1, y1, x2, y2, stroke: this.colour, "stroke-opacity": opacity })
  }
  faint(x, y, text, anchor, more = {}) {
    this.add("text", { x, y, "text-anchor": anchor, "fill-opacity": 0.75, "font-size": 11, ...more }, text)
  }
  hue(i) { return this.y[i] < 0 ? this.data.colours.down : this.data.colours.up }

  drawBars() {
    const { left, right, top, foot } = this.bars
    const rows = (this.rows = this.ranked())
    this.title(0, this.box ? "Most changed genes in the box" : "Most changed genes")
    this.faint(right + AGREE, top - 4, "methods agree", "end")
    const changes = rows.map((i) => this.y[i])
    const low = Math.min(0, ...changes), high = Math.max(0, ...changes)
    const pad = (high - low || 1) * 0.04
    const scale = (this.barScale = linear([low < 0 ? low - pad : 0, high > 0 ? high + pad : low < 0 ? 0 : 1], [left, right]))
    for (const tick of niceTicks(scale.invert(left), scale.invert(right), 5)) {
      this.line(scale(tick), top, scale(tick), foot, tick ? 0.1 : 0.5)
      this.faint(scale(tick), foot + 14, digits(tick), "middle")
    }
    this.faint((left + right) / 2, foot + 32, "predicted change (log2)", "middle")
    rows.forEach((i, row) => {
      const y = top + row * ROW, zero = scale(0), end = scale(this.y[i])
      const dimmed = this.clicked.size && !this.clicked.has(i)
      this.add("text", {
        x: left - 6, y: y + ROW / 2 + 4, "text-anchor": "end", "font-weight": this.clicked.has(i) ? 700 : 400,
      }, this.genes[i])
      this.add("rect", {
        x: Math.min(zero, end), y: y + 2, width: Math.max(1, Math.abs(end - zero)), height: ROW - 4, rx: 1.5,
        fill: this.hue(i), "fill-opacity": dimmed ? 0.35 : 0.95, class: "bar",
      })
      const all = this.same[i] === this.data.methods
      this.faint(right + AGREE, y + ROW / 2 + 4, `${this.same[i]}/${this.data.methods}`, "end", all ? {} : { "font-weight": 700 })
    })
  }

  drawScatter() {
    const { left, right, top, foot } = this.plot
    this.add("text", { x: left - NUMBERS, y: top - 18, "font-weight": 600, "font-size": 13 }, "Change against expression")
    let xs = [0, 1], ys = [-1, 1]
    if (this.genes.length) {
      let low = 0, high = 0, far = 0
      for (let i = 0; i < this.genes.length; i++) {
        low = Math.min(low, this.y[i]); high = Math.max(high, this.y[i]); far = Math.max(far, this.x[i])
      }
      const pad = (high - low || 1) * 0.06
      xs = [-0.02 * far, 1.02 * far]; ys = [low - pad, high + pad]
    }
    const view = this.view ?? [...xs, ...ys]
    this.full = [...xs, ...ys]
    const sx = (this.sx = linear([view[0], view[1]], [left, right]))
    const sy = (this.sy = linear([view[2], view[3]], [foot, top]))
    this.data.ticks.values.forEach((value, i) => {
      if (value < view[0] || value > view[1]) return
      this.line(sx(value), foot, sx(value), foot + 4, 0.5)
      this.faint(sx(value), foot + 16, this.data.ticks.text[i], "middle")
    })
    for (const tick of niceTicks(view[2], view[3], 6)) {
      this.line(left, sy(tick), right, sy(tick), tick ? 0.08 : 0.5)
      this.faint(left - 6, sy(tick) + 4, digits(tick), "end")
    }
    this.faint((left + right) / 2, foot + 32, "expression before (TPM)", "middle")
    const middle = (top + foot) / 2, edge = left - NUMBERS + 10
    this.faint(edge, middle, "predicted change (log2)", "middle", { transform: `rotate(-90 ${edge} ${middle})` })
    this.paint()
    this.drawNames()
    if (this.box) this.drawBox(this.box)
  }

  paint() {
    const { left, right, top, foot } = this.plot
    const scale = 2, wide = Math.max(1, right - left), tall = foot - top
    this.image.width = wide * scale; this.image.height = tall * scale
    const context = this.image.getContext("2d")
    context.scale(scale, scale)
    context.translate(-left, -top)
    // Less reliable genes first, as small grey rings below the others; the largest changes last.
    for (const reliable of [false, true])
      for (let i = this.genes.length - 1; i >= 0; i--) {
        if (!this.reason[i] !== reliable) continue
        context.globalAlpha = this.inBox(i) ? (reliable ? (i < SALIENT ? 0.85 : 0.5) : 0.4) : 0.1
        context.beginPath()
        context.arc(this.sx(this.x[i]), this.sy(this.y[i]), reliable ? RADIUS : RADIUS - 0.6, 0, 7)
        if (reliable) { context.fillStyle = this.hue(i); context.fill() }
        else { context.strokeStyle = this.data.colours.grey; context.stroke() }
      }
    this.add("image", {
      x: left, y: top, width: wide, height: tall, href: this.image.toDataURL(), class: "points",
      preserveAspectRatio: "none",
    })
  }

  drawNames() {
    const { left, right, top, foot } = this.plot
    const ringed = new Set([...this.data.ticked, ...this.clicked])
    const taken = []
    for (const i of new Set([...ringed, ...this.rows.slice(0, this.data.named)])) {
      const x = this.sx(this.x[i]), y = this.sy(this.y[i])
      if (x < left || x > right || y < top || y > foot) continue
      if (ringed.has(i)) this.add("circle", { cx: x, cy: y, r: 6, fill: "none", stroke: this.data.colours.accent, "stroke-width": 2 })
      const wide = this.genes[i].length * 7.2, flip = x + wide + 10 > right
      const spot = [flip ? x - 7 - wide : x + 7, y - 6, wide, 13]
      if (!ringed.has(i) && taken.some((o) => spot[0] < o[0] + o[2] && o[0] < spot[0] + wide && Math.abs(spot[1] - o[1]) < 13)) continue
      taken.push(spot)
      this.add("text", { x: flip ? x - 7 : x + 7, y: y + 4, "text-anchor": flip ? "end" : "start", "font-weight": 600, "font-size": 11.5 }, this.genes[i])
    }
  }
  drawBox(b) {
    this.svg.querySelector(".box")?.remove()
    const x = this.sx(b[0]), y = this.sy(b[3])
    this.add("rect", {
      x, y, width: this.sx(b[1]) - x, height: this.sy(b[2]) - y, class: "box",
      fill: this.colour, "fill-opacity": 0.06, stroke: this.colour, "stroke-opacity": 0.6, "stroke-dasharray": "4 3",
    })
  }

  place(event) {
    const area = this.svg.getBoundingClientRect()
    return [event.clientX - area.left, event.clientY - area.top]
  }
  within([x, y]) {
    const { left, right, top, foot } = this.plot
    return x >= left - 4 && x <= right + 4 && y >= top - 4 && y <= foot + 4
  }
  at([px, py]) {
    const { top, foot, right } = this.bars
    if (!this.within([px, py])) {
      const row = Math.floor((py - top) / ROW)
      return py >= top && py < foot && px <= right + AGREE && row < this.rows.length ? this.rows[row] : -1
    }
    let best = -1, least = NEAR * NEAR
    for (let i = 0; i < this.genes.length; i++) {
      const dx = this.sx(this.x[i]) - px, dy = this.sy(this.y[i]) - py, d = dx * dx + dy * dy
      if (d < least) { best = i; least = d }
    }
    return best
  }
  hover(event) {
    if (!this.data || this.start) return
    const spot = this.place(event), i = this.at(spot)
    this.svg.style.cursor = i >= 0 ? "pointer" : this.within(spot) ? "crosshair" : "default"
    this.tip.hidden = i < 0
    if (i < 0) return
    const change = this.y[i]
    const lines = [
      this.genes[i],
      `${signed(change)} log2, ${digits(2 ** change)}×`,
      `${digits(Math.expm1(this.x[i]))} → ${digits(this.after[i])} TPM`,
      `${this.same[i]} of ${this.data.methods} methods: same sign`,
      ...(this.reason[i] ? [`Less reliable: ${this.data.reasons[this.reason[i]]}`] : []),
    ]
    this.showTip(lines, Math.max(0, spot[1] - 20), spot[0], 14)
  }
  press(event) {
    const from = this.place(event)
    const drags = this.within(from)
    this.start = from
    this.tip.hidden = true
    this.svg.setPointerCapture(event.pointerId)
    const area = (to) => {
      const xs = [this.sx.invert(from[0]), this.sx.invert(to[0])].sort((a, b) => a - b)
      const ys = [this.sy.invert(from[1]), this.sy.invert(to[1])].sort((a, b) => a - b)
      return [...xs, ...ys]
    }
    const moved = (to) => Math.hypot(to[0] - from[0], to[1] - from[1]) > LEAST_BOX
    const move = (later) => { if (drags && moved(this.place(later))) this.drawBox(area(this.place(later))) }
    this.svg.addEventListener("pointermove", move)
    this.svg.addEventListener("pointerup", (later) => {
      this.svg.removeEventListener("pointermove", move)
      this.start = null
      const to = this.place(later)
      if (drags && moved(to)) { this.box = area(to); this.draw(); this.sendSelection() }
      else this.toggle(this.at(to), drags)
    }, { once: true })
  }
  toggle(i, inPlot) {
    if (i >= 0) this.clicked.delete(i) || this.clicked.add(i)
    else if (inPlot && this.box) this.box = null
    else return
    this.draw()
    this.sendSelection()
  }
  reset() {
    this.view = null; this.box = null; this.clicked = new Set()
    this.draw()
    this.sendSelection()
  }
  zoom(event) {
    const spot = this.place(event)
    if (!event.shiftKey || !this.within(spot)) return
    event.preventDefault()
    const by = (event.deltaY || event.deltaX) > 0 ? 1.25 : 0.8, v = this.view ?? this.full, f = this.full
    const x = this.sx.invert(spot[0]), y = this.sy.invert(spot[1])
    this.view = [
      Math.max(f[0], x - (x - v[0]) * by), Math.min(f[1], x + (v[1] - x) * by),
      Math.max(f[2], y - (y - v[2]) * by), Math.min(f[3], y + (v[3] - y) * by),
    ]
    this.draw()
  }
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".linked")
  const chart = drawingOf(root, (root) => new LinkedChart(root))
  chart.send = setStateValue
  chart.svg.setAttribute("aria-label", data.alt)
  chart.update(data)
}
