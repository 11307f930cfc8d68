// The token that an instrument on a network asks for.

import { post } from "./api.js";

const byId = (id) => document.getElementById(id);

/** Ask until the server is content. */
export function login() {
  const dialog = byId("login");
  const form = byId("login-form");
  if (!dialog.open) dialog.showModal();
  return new Promise((resolve) => {
    let isIn = false;
    dialog.oncancel = (event) => event.preventDefault();
    // pressed twice, Escape closes it all the same
    dialog.onclose = () => isIn || dialog.showModal();
    form.onsubmit = async (event) => {
      event.preventDefault();
      try {
        await post("api/login", { token: byId("token").value, name: byId("who").value });
      } catch (refused) {
        byId("login-words").textContent = refused.message;
        byId("token").select();
        return;
      }
      byId("token").value = "";
      byId("login-words").textContent = "";
      isIn = true;
      dialog.close();
      resolve();
    };
  });
}

export async function logout() {
  await post("api/logout", {}).catch(() => {});
  location.reload();
}
