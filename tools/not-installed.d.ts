/** What @azure/… is to whoever has not installed it: tsconfig.dist.json puts it in its place. @module */
export {};
