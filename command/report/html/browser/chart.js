/** Draws the figures of the report. It runs in the reader's browser, and asks the network for nothing. */
import uPlot from 'uplot';

const HEIGHT = 260;
const LEAST_WIDTH = 200;
const SERIES = [
  { name: 'scanned', color: '--line-1', dash: [] },
  { name: 'changed', color: '--line-2', dash: [8, 4] },
  { name: 'vaultOps', color: '--line-3', dash: [2, 3] },
  { name: 'throttled', color: '--line-4', dash: [10, 3, 2, 3] },
  { name: 'failed', color: '--line-5', dash: [4, 4] },
];

const figure = document.getElementById('throughput-chart');
if (figure) start(figure, JSON.parse(document.getElementById('throughput-data').textContent));

function start(place, { names, atMs, rates }) {
  let chart = draw(place, { names, atMs, rates });
  const again = () => {
    chart.destroy();
    chart = draw(place, { names, atMs, rates });
  };
  new ResizeObserver(() => {
    const width = widthOf(place);
    if (width !== chart.width) chart.setSize({ width, height: HEIGHT });
  }).observe(place);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', again);
  // On paper, colours are those of the light page.
  matchMedia('print').addEventListener('change', again);
}

function draw(place, { names, atMs, rates }) {
  const shown = SERIES.filter(({ name }) => names.includes(name));
  const axis = {
    stroke: color('--text-quiet'),
    grid: { stroke: color('--rule'), width: 1 },
    ticks: { show: false },
    font: '12px system-ui, sans-serif',
  };
  return new uPlot(
    {
      width: widthOf(place),
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false }, y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] } },
      axes: [
        { ...axis, values: (_, ticks) => ticks.map(timeText), space: 60 },
        { ...axis, values: (_, ticks) => ticks.map(numberText), size: 56 },
      ],
      series: [
        {},
        ...shown.map(({ color: name, dash }) => ({
          stroke: color(name),
          width: 2,
          dash,
          points: { show: false },
        })),
      ],
    },
    [atMs.map((ms) => ms / 1_000), ...shown.map(({ name }) => rates[name])],
    place,
  );
}

function widthOf(place) {
  return Math.max(Math.floor(place.clientWidth), LEAST_WIDTH);
}

function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function numberText(value) {
  return value.toLocaleString('en-US', { notation: 'compact' });
}

function timeText(seconds) {
  if (seconds < 60) return `${String(seconds)}s`;
  const [minutes, rest] = [Math.floor(seconds / 60), Math.round(seconds % 60)];
  if (minutes < 60) return `${String(minutes)}:${String(rest).padStart(2, '0')}`;
  return `${String(Math.floor(minutes / 60))}h${String(minutes % 60).padStart(2, '0')}`;
}
