/**
 * The key of the session: its second secret beside the cookie, which a browser sends to every port of this host. It
 * arrives in the fragment of an address, which is not sent to servers, and stays in this tab's storage, so a reload
 * keeps it. A new tab asks the other tabs of this origin (port included) that have boards open.
 */

const FRAGMENT = /^#key=([\w-]{43})$/;
const STORED = 'shieldwatch-session-key';
const RETURN_TO = 'shieldwatch-return-to';
/** Milliseconds to wait for other tabs. */
const ANSWER_MS = 300;

/** `replaced`: another tab logged in, so the cookie belongs to that session, possibly of another organisation. */
type Message = 'ask' | 'replaced' | { key: string };

const channel = new BroadcastChannel('shieldwatch-session');
let asked: Promise<string | undefined> | undefined;

const send = (message: Message): void => {
  channel.postMessage(message);
};

/** Answers other tabs. Calls `onReplaced` when another tab logged in, after dropping this tab's key. */
export function shareKey(onReplaced: () => void): void {
  channel.addEventListener('message', ({ data }: MessageEvent<Message>) => {
    const key = sessionStorage.getItem(STORED);
    if (key === null) return;
    if (data === 'ask') send({ key });
    if (data === 'replaced') {
      forgetKey();
      onReplaced();
    }
  });
}

/** Stores the key from the address, and removes it from the visible address. */
export function takeKey(): void {
  const [, key] = FRAGMENT.exec(location.hash) ?? [];
  if (key === undefined) return;
  if (sessionStorage.getItem(STORED) !== key) send('replaced');
  sessionStorage.setItem(STORED, key);
  const back = sessionStorage.getItem(RETURN_TO);
  sessionStorage.removeItem(RETURN_TO);
  const own = location.pathname + location.search;
  history.replaceState(null, '', own === '/boards' ? (back ?? own) : own);
}

/** Returns this tab's key, else another tab's; undefined if no tab has one. */
export function findKey(): Promise<string | undefined> {
  const own = sessionStorage.getItem(STORED);
  if (own !== null) return Promise.resolve(own);
  asked ??= askTabs().finally(() => {
    asked = undefined;
  });
  return asked;
}

/** Drops an invalid key. After the next login this tab returns to `returnTo`. */
export function forgetKey(returnTo?: string): void {
  sessionStorage.removeItem(STORED);
  if (returnTo !== undefined) sessionStorage.setItem(RETURN_TO, returnTo);
}

function askTabs(): Promise<string | undefined> {
  return new Promise((resolve) => {
    const settle = (key: string | undefined): void => {
      clearTimeout(timer);
      channel.removeEventListener('message', listen);
      resolve(key);
    };
    const listen = ({ data }: MessageEvent<Message>): void => {
      if (typeof data !== 'object') return;
      sessionStorage.setItem(STORED, data.key);
      settle(data.key);
    };
    const timer = setTimeout(settle, ANSWER_MS, undefined);
    channel.addEventListener('message', listen);
    send('ask');
  });
}
