// What every drawing needs: elements of SVG, numbers that were packed as text, and the box that follows the pointer.

const SVG = "http://www.w3.org/2000/svg"
const drawings = new WeakMap()

function bytes(text) { return Uint8Array.from(atob(text), (c) => c.charCodeAt(0)) }
function floats(text) { return new Float32Array(bytes(text).buffer) }
function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
}
function make(tag, attributes = {}, text) {
  const element = document.createElementNS(SVG, tag)
  set(element, attributes)
  if (text !== undefined) element.textContent = text
  return element
}

class Drawing {
  constructor(root) {
    this.root = root
    this.svg = root.querySelector("svg")
    this.tip = root.querySelector(".tip")
    new ResizeObserver(() => { if (root.clientWidth !== this.width) this.draw() }).observe(root)
  }
  add(tag, attributes, text) { return this.svg.appendChild(make(tag, attributes, text)) }

  // An empty drawing of the page's font and colour; `width` and `height` are known.
  clear() {
    const { color, fontFamily } = getComputedStyle(this.root)
    this.colour = color
    this.svg.replaceChildren()
    set(this.svg, {
      width: this.width, height: this.height, viewBox: `0 0 ${this.width} ${this.height}`,
      "font-family": fontFamily, "font-size": 12, fill: color,
    })
  }

  // Lines beside a point, on the side that has room.
  showTip(lines, top, left, right) {
    this.tip.hidden = false
    this.tip.replaceChildren()
    for (const text of lines) this.tip.appendChild(document.createElement("div")).textContent = text
    const isRight = left > this.width - 230
    Object.assign(this.tip.style, {
      top: `${top}px`, left: isRight ? "" : `${left + 14}px`, right: isRight ? `${this.width - left + right}px` : "",
    })
  }
}

// The drawing of an element, made once.
function drawingOf(root, make) {
  if (!drawings.has(root)) drawings.set(root, make(root))
  return drawings.get(root)
}
