/** The one plot: how many document keys each version of the master key wraps, over time. */
import uPlot from '/ops/uplot.js';
import { element, numberText, shortVersion, timeText } from './elements.js';

const HEIGHT = 240;
const LEAST_WIDTH = 200;
const MOST_POINTS = 2_000;
const COLORS = ['--line-1', '--line-2', '--line-3', '--line-4', '--line-5'];
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3], [4, 4]];

export class Plot {
  #place;
  #legend;
  #text;
  #versions = [];
  #points = [];
  #chart;

  constructor({ place, legend, text }) {
    this.#place = place;
    this.#legend = legend;
    this.#text = text;
    new ResizeObserver(() => {
      const width = widthOf(place);
      if (this.#chart && this.#chart.width !== width)
        this.#chart.setSize({ width, height: HEIGHT });
    }).observe(place);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#draw());
  }

  update({ isWhole, versions, points }) {
    const hasNewLines = isWhole || versions.length !== this.#versions.length;
    this.#versions = versions;
    if (isWhole) this.#points = [];
    this.#points.push(...points);
    if (this.#points.length > MOST_POINTS) {
      this.#points = this.#points.filter((_, index) => index % 2 === 0);
    }
    if (hasNewLines || !this.#chart) this.#draw();
    else if (points.length > 0) this.#chart.setData(this.#data());
    if (hasNewLines || points.length > 0) this.#describe();
  }

  clear() {
    this.#chart?.destroy();
    this.#chart = undefined;
    this.#points = [];
    this.#versions = [];
  }

  #data() {
    const columns = this.#versions.map((_, index) =>
      this.#points.map((point) => point[index + 1] ?? 0),
    );
    return [this.#points.map(([at]) => at / 1_000), ...columns];
  }

  /** One point alone, too, is within a time that can be read off. */
  #times() {
    const [from, to] = [this.#points[0], this.#points.at(-1)].map(([at]) => at / 1_000);
    return to - from < 10 ? [from - 5, to + 5] : [from, to];
  }

  #draw() {
    this.#chart?.destroy();
    this.#chart = undefined;
    if (this.#points.length === 0) return;
    const axis = {
      stroke: color('--text-quiet'),
      grid: { stroke: color('--rule'), width: 1 },
      ticks: { show: false },
      font: '12px system-ui, sans-serif',
    };
    const options = {
      width: widthOf(this.#place),
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { range: () => this.#times() },
        y: { range: (_, __, most) => [0, most > 0 ? most * 1.08 : 1] },
      },
      axes: [
        { ...axis, size: 32, space: 70, values: (_, ticks) => ticks.map(clockText) },
        { ...axis, size: 52, values: (_, ticks) => ticks.map(compact) },
      ],
      series: [
        {},
        ...this.#versions.map((_, index) => {
          const { name, dash } = lineOf(index);
          // One point alone is no line.
          const points = { show: this.#points.length < 2, size: 6, fill: color(name) };
          return { stroke: color(name), width: 2, dash, points };
        }),
      ],
    };
    this.#chart = new uPlot(options, this.#data(), this.#place);
  }

  #describe() {
    const last = this.#points.at(-1);
    if (!last) return;
    const entries = this.#versions.map((version, index) =>
      element('li', {}, sample(lineOf(index)), shortVersion(version)),
    );
    this.#legend.replaceChildren(...entries);
    const counts = this.#versions.map(
      (version, index) => `${numberText(last[index + 1] ?? 0)} under ${shortVersion(version)}`,
    );
    const [from, to] = [this.#points[0], last].map(([at]) => timeText(new Date(at)));
    // No full stop: the name of a version may end with an ellipsis.
    this.#text.textContent = `Since ${from}. At ${to}: ${counts.join(', ') || 'no keys'}`;
  }
}

function widthOf(place) {
  return Math.max(Math.floor(place.clientWidth), LEAST_WIDTH);
}

/** By colour and by dashes, as not everyone sees every colour. */
function lineOf(index) {
  const round = Math.floor(index / COLORS.length);
  return {
    name: COLORS[index % COLORS.length],
    dash: DASHES[(index + round) % DASHES.length],
  };
}

/** A piece of the line, as the plot has it. */
function sample({ name, dash }) {
  const [svg, line] = ['svg', 'line'].map((tag) =>
    document.createElementNS('http://www.w3.org/2000/svg', tag),
  );
  line.setAttribute('x2', '100%');
  line.setAttribute('stroke-dasharray', dash.join(' '));
  line.style.stroke = `var(${name})`;
  svg.append(line);
  return svg;
}

function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function compact(value) {
  return Number.isInteger(value) ? value.toLocaleString('en-US', { notation: 'compact' }) : '';
}

const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });

function clockText(seconds) {
  return clock.format(new Date(seconds * 1_000));
}
