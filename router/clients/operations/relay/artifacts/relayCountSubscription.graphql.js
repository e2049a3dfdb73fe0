/**
 * @generated SignedSource<<82f8c4ce1a9e9c34dc39ffd726ae5d30>>
 * @relayHash 5fcb38ca7aca9d3f4840d0141fb5e0be
 * @lightSyntaxTransform
 */

/* eslint-disable */

'use strict';

// @relayRequestID 5fcb38ca7aca9d3f4840d0141fb5e0be

var node = (function(){
var v0 = [
  {
    "alias": null,
    "args": [
      {
        "kind": "Literal",
        "name": "to",
        "value": 2
      }
    ],
    "concreteType": "Tick",
    "kind": "LinkedField",
    "name": "count",
    "plural": false,
    "selections": [
      {
        "alias": null,
        "args": null,
        "kind": "ScalarField",
        "name": "number",
        "storageKey": null
      }
    ],
    "storageKey": "count(to:2)"
  }
];
return {
  "fragment": {
    "argumentDefinitions": [],
    "kind": "Fragment",
    "metadata": null,
    "name": "relayCountSubscription",
    "selections": (v0/*:: as any*/),
    "type": "Subscription",
    "abstractKey": null
  },
  "kind": "Request",
  "operation": {
    "argumentDefinitions": [],
    "kind": "Operation",
    "name": "relayCountSubscription",
    "selections": (v0/*:: as any*/)
  },
  "params": {
    "id": "5fcb38ca7aca9d3f4840d0141fb5e0be",
    "metadata": {},
    "name": "relayCountSubscription",
    "operationKind": "subscription",
    "text": null
  }
};
})();

node.hash = "ea41bd339c7bf673be98be4281e49b97";

export default node;
