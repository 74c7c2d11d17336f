declare module "@seald-io/binary-search-tree" {
  const trees: unknown;
  export default trees;
}
