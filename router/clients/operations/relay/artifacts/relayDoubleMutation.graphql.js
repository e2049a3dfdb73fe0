/**
 * @generated SignedSource<<3d7512eb73056e42167da57b890787be>>
 * @relayHash 6bb21ec155c3c65ead63067c6d2863d0
 * @lightSyntaxTransform
 */

/* eslint-disable */

'use strict';

// @relayRequestID 6bb21ec155c3c65ead63067c6d2863d0

var node = (function(){
var v0 = [
  {
    "defaultValue": null,
    "kind": "LocalArgument",
    "name": "number"
  }
],
v1 = [
  {
    "alias": null,
    "args": [
      {
        "kind": "Variable",
        "name": "number",
        "variableName": "number"
      }
    ],
    "kind": "ScalarField",
    "name": "double",
    "storageKey": null
  }
];
return {
  "fragment": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Fragment",
    "metadata": null,
    "name": "relayDoubleMutation",
    "selections": (v1/*:: as any*/),
    "type": "Mutation",
    "abstractKey": null
  },
  "kind": "Request",
  "operation": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Operation",
    "name": "relayDoubleMutation",
    "selections": (v1/*:: as any*/)
  },
  "params": {
    "id": "6bb21ec155c3c65ead63067c6d2863d0",
    "metadata": {},
    "name": "relayDoubleMutation",
    "operationKind": "mutation",
    "text": null
  }
};
})();

node.hash = "3f969cc2ad1554e37d8cf576dec5a92b";

export default node;
