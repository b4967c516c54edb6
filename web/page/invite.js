// @ts-check
// Invitations: a code, a link, and the link as a QR code.
import { $, on, say } from "./text.js";

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
    $("invite").open = true;
    link.focus();
    link.select();
    $("copied").textContent = document.execCommand("copy") ? "Copied." : "Selected: copy it from the field above.";
  }
}

/** Shares the link by the phone's own means, or copies it. */
async function share() {
  if (navigator.share) return navigator.share({ url: $("link").value }).catch(() => {}); // the player has changed their mind
  await copy();
  if ($("copied").textContent !== "Copied.") return;
  $("share").textContent = say("Copied");
  setTimeout(() => ($("share").textContent = "Share"), 2000);
}

on("copy", "click", copy);
on("share", "click", share);
