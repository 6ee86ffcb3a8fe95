"""Texts of a page that are hard to read: those with less contrast than WCAG 2.2 AA asks for (1.4.3)."""

from tests.browser.chromium import Page

#: Returns every visible text whose contrast is below 4.5:1, or below 3:1 if it is large, with its colours.
_FIND = r"""(() => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const rgba = (colour) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const over = ([r, g, b, a], under) => [r, g, b].map((one, i) => one * a + under[i] * (1 - a));
    const luminance = (colour) => {
        const [r, g, b] = colour.map((one) => one / 255)
            .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (element) => {
        const layers = [];
        for (let one = element; one; one = one.parentElement) {
            layers.push(rgba(getComputedStyle(one).backgroundColor));
            if (layers.at(-1)[3] === 1) break;
        }
        const dark = matchMedia("(prefers-color-scheme: dark)").matches;
        const canvasColour = dark && getComputedStyle(document.documentElement).colorScheme.includes("dark")
            ? [18, 18, 18] : [255, 255, 255];
        return layers.reverse().reduce((under, layer) => over(layer, under), canvasColour);
    };
    const low = new Set();
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement;
        const text = texts.currentNode.data.trim();
        if (!text || !element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
        if (element.closest("script, noscript, [disabled], svg")) continue;
        const style = getComputedStyle(element);
        const under = ground(element);
        const [one, two] = [luminance(over(rgba(style.color), under)), luminance(under)].sort((a, b) => b - a);
        const size = parseFloat(style.fontSize);
        const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
        const contrast = (one + 0.05) / (two + 0.05);
        if (contrast < (large ? 3 : 4.5)) {
            low.add(`${contrast.toFixed(2)} ${style.color} on ${under.map(Math.round)}: ${text.slice(0, 40)}`
                + ` (${element.tagName} .${element.className})`);
        }
    }
    return [...low];
})()"""


def low_contrasts(page: Page) -> list[str]:
    """Return the texts in view or out of it that are too faint, each with its contrast and colours."""
    return list(page.evaluate(_FIND))
