declare module "stopword" {
  /** In lower case. */
  export const eng: string[];
  export const rus: string[];
}
