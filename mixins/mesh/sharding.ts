/**
 * Calls with the same key go to the same node: Moleculer's Shard strategy, which remembers its ring until a node comes or goes. But a
 * node is also left out while its circuit breaker is open, and is found gone a moment before that is told: then Moleculer's own names
 * a node that can't be taken, and the call fails. This one draws the ring anew whenever the nodes to choose from are others.
 */
import { type Context, Strategies } from "moleculer";

type Endpoint = Parameters<InstanceType<typeof Strategies.Shard>["select"]>[0][number];

/** For an action's options. @param key the param that decides */
export const shardedBy = (key: string) => ({ strategy: NAME, strategyOptions: { shardKey: key } });

/** Nodes learn an action's strategy from each other by name, so that every process must know it. */
const NAME = "VecheShard";

export class VecheShard extends Strategies.Shard {
  /** Of the members that Moleculer's types leave out. */
  declare needRebuild: boolean;
  #drawnFor = "";

  override select(list: Endpoint[], ctx: Context): Endpoint {
    const nodes = list.map(({ id }) => id).join();
    if (nodes !== this.#drawnFor) this.needRebuild = true;
    this.#drawnFor = nodes;
    return super.select(list, ctx);
  }
}

/** Moleculer's type asks for an instance; what it keeps, and makes instances of, is the class. */
const register = Strategies.register as unknown as (name: string, strategy: typeof Strategies.Shard) => void;

export const registerSharding = (): void => register(NAME, VecheShard);
