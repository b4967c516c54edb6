// @ts-check
// Invitations: a code, a link, and the link as a QR code.
import { $, on } from "./text.js";

/** The code in this page's address, or "". */
export const codeInAddress = () => /^#join=([\w-]{1,64})$/.exec(location.hash)?.[1] ?? "";

/** Whether the page comes from this computer. */
export const onThisComputer = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(location.hostname);

/** @param {string} code */
export function showInvite(code) {
  const link = `${location.origin}${location.pathname}${location.search}#join=${code}`;
  $("invite-code").textContent = $("tag").textContent = code;
  $("link").value = link;
  $("qr").src = `qr.svg?text=${encodeURIComponent(link)}`;
  $("copied").textContent = "";
  $("here-only").hidden = !onThisComputer;
  $("invite").hidden = false;
}

/** Copies the link, even without the clipboard API, which browsers allow only over https or on this computer. */
async function copy() {
  const link = $("link");
  try {
    await navigator.clipboard.writeText(link.value);
    $("copied").textContent = "Copied.";
  } catch {
    link.focus();
    link.select();
    $("copied").textContent = document.execCommand("copy") ? "Copied." : "Selected: copy it from the field above.";
  }
}

on("copy", "click", copy);
