/**
 * Keeps on the device what must outlive a reload: each scan before anything is sent of it, and the lists of tickets. In
 * IndexedDB; where that is forbidden, in memory, and the page says so.
 */
import type { Shown, Scanned, ScanResult } from './rest.ts';
import { withoutNames, type KeptList } from './ticket-list.ts';

/** One scan of this device. */
export interface KeptScan {
  /** Drawn for it; with the same one the server takes it once. */
  nonce: string;
  event_id: number;
  shown: Shown;
  gate: string | null;
  /** By this device's clock, RFC 3339. */
  scanned_at: string;
  /**
   * `asking`: the server was asked, and has not answered. `kept`: decided here, and to be merged. `done`: nothing is left
   * to send.
   */
  state: 'asking' | 'kept' | 'done';
  /** The decision that was shown at the door. */
  result?: ScanResult | 'unchecked';
  /** Decided here, without the server. */
  offline?: boolean;
  /** The server was asked, and its answer was lost. */
  unheard?: boolean;
  ticket_id?: number | null;
  name?: string | null;
  code?: string | null;
  /** Name of the ticket type, where the QR says it. */
  type?: string;
  at?: string | null;
  at_gate?: string | null;
  /** Sold or handed on after the list was read. */
  isUnlisted?: boolean;
  /** The server's check-in. */
  checkin_id?: number | null;
  undone?: boolean;
  /** The server's word, where it came after the door's. */
  merged?: Scanned;
  /** Somebody has read that the server decided differently. */
  isRead?: boolean;
}

export interface Journal {
  /** Whether it outlives the page. */
  readonly isLasting: boolean;
  /** Resolves when it is written. */
  put(scan: KeptScan): Promise<void>;
  remove(nonce: string): Promise<void>;
  /** Scans of an event, the oldest first. */
  scans(event: number): Promise<KeptScan[]>;
  putList(list: KeptList): Promise<void>;
  list(event: number): Promise<KeptList | undefined>;
  /** Of all events whose lists are here. */
  lists(): Promise<KeptList[]>;
  /** Somebody leaves the door of an event: names go, what is needed to let people in and to merge stays. */
  forgetNames(event: number): Promise<void>;
  /** The device is handed on: the lists go, scans that are to be merged stay. */
  forgetLists(): Promise<void>;
}

const DATABASE = 'seatcast-doors';
const VERSION = 1;

/** The device's journal. */
export async function openJournal(): Promise<Journal> {
  try {
    return new DatabaseJournal(await opened());
  } catch {
    return new MemoryJournal();
  }
}

function opened(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, VERSION);
    request.onupgradeneeded = () => {
      request.result.createObjectStore('scans', { keyPath: 'nonce' }).createIndex('by_event', 'event_id');
      request.result.createObjectStore('lists', { keyPath: 'event_id' });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('no database'));
    request.onblocked = () => reject(new Error('another tab has an older database open'));
  });
}

function answered<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('not read'));
  });
}

class DatabaseJournal implements Journal {
  readonly isLasting = true;
  readonly #database: IDBDatabase;

  constructor(database: IDBDatabase) {
    this.#database = database;
    // Without it storage may be cleared when the device is short of it; a refusal changes nothing.
    void navigator.storage?.persist?.().catch(() => false);
  }

  async put(scan: KeptScan): Promise<void> {
    await this.#write('scans', (store) => store.put(scan));
  }

  async remove(nonce: string): Promise<void> {
    await this.#write('scans', (store) => store.delete(nonce));
  }

  async scans(event: number): Promise<KeptScan[]> {
    const store = this.#database.transaction('scans').objectStore('scans');
    const scans = await answered<KeptScan[]>(store.index('by_event').getAll(event));
    return scans.sort((one, other) => (one.scanned_at < other.scanned_at ? -1 : 1));
  }

  async putList(list: KeptList): Promise<void> {
    await this.#write('lists', (store) => store.put(list));
  }

  async list(event: number): Promise<KeptList | undefined> {
    return answered<KeptList | undefined>(this.#database.transaction('lists').objectStore('lists').get(event));
  }

  async lists(): Promise<KeptList[]> {
    return answered<KeptList[]>(this.#database.transaction('lists').objectStore('lists').getAll());
  }

  async forgetNames(event: number): Promise<void> {
    await forgetNames(this, event);
  }

  async forgetLists(): Promise<void> {
    await this.#write('lists', (store) => store.clear());
  }

  /** Resolves when it is on the disk, not when it is on its way there. */
  #write(name: 'scans' | 'lists', write: (store: IDBObjectStore) => IDBRequest): Promise<void> {
    return new Promise((resolve, reject) => {
      const transaction = this.#database.transaction(name, 'readwrite', { durability: 'strict' });
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error ?? new Error('not written'));
      write(transaction.objectStore(name));
    });
  }
}

export class MemoryJournal implements Journal {
  readonly isLasting = false;
  readonly #scans = new Map<string, KeptScan>();
  readonly #lists = new Map<number, KeptList>();

  async put(scan: KeptScan): Promise<void> {
    this.#scans.set(scan.nonce, { ...scan });
  }

  async remove(nonce: string): Promise<void> {
    this.#scans.delete(nonce);
  }

  async scans(event: number): Promise<KeptScan[]> {
    return [...this.#scans.values()].filter(({ event_id: of }) => of === event).map((scan) => ({ ...scan }));
  }

  async putList(list: KeptList): Promise<void> {
    this.#lists.set(list.event_id, list);
  }

  async list(event: number): Promise<KeptList | undefined> {
    return this.#lists.get(event);
  }

  async lists(): Promise<KeptList[]> {
    return [...this.#lists.values()];
  }

  async forgetNames(event: number): Promise<void> {
    await forgetNames(this, event);
  }

  async forgetLists(): Promise<void> {
    this.#lists.clear();
  }
}

/** Takes the holder's name from a scan; whether there was one. */
export function forgetName(scan: KeptScan): boolean {
  const hadOne = Boolean(scan.name ?? scan.merged?.name);
  delete scan.name;
  if (scan.merged) scan.merged = { ...scan.merged, name: null };
  return hadOne;
}

async function forgetNames(journal: Journal, event: number): Promise<void> {
  const list = await journal.list(event);
  if (list) await journal.putList(withoutNames(list));
  for (const scan of await journal.scans(event)) if (forgetName(scan)) await journal.put(scan);
}
